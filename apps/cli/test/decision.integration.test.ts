import { decisions, eventId, isLogged, outcomes, rewards, serving, topics } from '@everloop/contracts';
import type { Bus, OutRecord } from '@everloop/kafka';
import { drawArm, drawOf } from '@everloop/stats';
import { isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gateCode } from '../src/decision/command.ts';
import { evaluateModel, evaluationText, type EvaluateOptions } from '../src/decision/evaluate.ts';
import { replayDecision, replaySample } from '../src/decision/replay.ts';
import { decisionText } from '../src/decision/show-text.ts';
import { findDecision } from '../src/decision/show.ts';

const count = 8_000;
const versions = ['1', '2', '3'];
const pmf = [0.6, 0.25, 0.15];
/** Score of each version; a label is 1 with probability 0.7. */
const scores = [0.4, 0.7, 0.1];
/** Mean of 1 - (score - label)², from the two numbers above. */
const truth = scores.map((score) => 1 - (0.7 * (score - 1) ** 2 + 0.3 * score ** 2));

const actions = ['email', 'sms', 'letter'];
const actionPmf = [0.7, 0.2, 0.1];
/** Mean reward of each action, of either version. */
const worth = [1, 4, -3];

let inner: Bus;
let bus: Bus;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('decision'));
  const names = [topics.inferenceServed, topics.inferenceShadowed, topics.outcomeSettled];
  await bus.ensureTopics(
    [...names, topics.decisionMade, topics.rewardSettled].map((name) => ({ name, partitions: 2 })),
  );
  const publisher = bus.publisher({ name: 'test' });
  for (let from = 0; from < count; from += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, n) => from + n);
    await publisher.publish(ids.flatMap((n) => [...predicted(n), ...chosen(n)]));
  }
  await publisher.publish([...outsiders(), ...predicted(0)]);
  await publisher.publish(Array.from({ length: 3_000 }, (_, n) => labelledChoice(n)).flat());
  await publisher.publish(Array.from({ length: 12_000 }, (_, n) => labelledChoice(n, 'sampled-offer', 0.25)).flat());
  await publisher.stop();
});
afterAll(() => inner.stop());

function inferenceOf(n: number): serving.Inference {
  const seed = `4/d${n}`;
  const at = drawArm('explore', seed, pmf);
  return serving.Inference.fromPartial({
    ...{
      decisionId: `d${n}`,
      requestId: `r${n}`,
      model: 'delay',
      joinKey: `k${n}`,
      unit: `u${n % 5_000}`,
      eventTimeMs: n,
    },
    ...{ modelVersion: versions[at] ?? '', championVersion: '1', arm: at === 0 ? 'champion' : 'canary', learn: true },
    ...{ arms: versions, pmf, seed, propensity: pmf[at] ?? 0, policyRevision: '4', score: scores[at] ?? 0 },
    inputNames: ['distance', 'carrier'],
    inputValues: [{ kind: { $case: 'number', value: n } }, { kind: { $case: 'text', value: 'AA' } }],
  });
}

function predicted(n: number): OutRecord[] {
  const inference = inferenceOf(n);
  const { decisionId, model, modelVersion, score, joinKey } = inference;
  const label = drawOf('label', String(n)) < 0.7 ? 1 : 0;
  const kind = n % 10 === 9 ? outcomes.OutcomeKind.EXPIRED : outcomes.OutcomeKind.LABELLED;
  const outcome = outcomes.Outcome.fromPartial({ decisionId, model, modelVersion, score, label, kind, learn: true });
  return [
    { topic: topics.inferenceServed, key: joinKey, value: bytes(serving.Inference.encode(inference)) },
    { topic: topics.outcomeSettled, key: joinKey, value: bytes(outcomes.Outcome.encode(outcome)) },
  ];
}

function chosen(n: number): OutRecord[] {
  const [version, seed] = [n % 4 === 0 ? '2' : '1', `${n}`];
  const at = drawArm('choose', seed, actionPmf);
  const versionPropensity = version === '2' ? 0.25 : 0.75;
  const propensity = versionPropensity * (actionPmf[at] ?? 0);
  const choice = {
    action: actions[at] ?? '',
    actions,
    pmf: actionPmf,
    scores: [1, 0, 0],
    epsilon: 0.3,
    explore: at > 0,
    seed,
  };
  const common = { decisionId: `c${n}`, model: 'offer', modelVersion: version, unit: `u${n}`, propensity, learn: true };
  const rule = { waitMs: 1_000, defaultValue: 0, aggregate: 'sum', min: -10, max: 10 };
  const decision = decisions.Decision.fromPartial({
    ...{ ...common, championVersion: '1', policyRevision: '9', versionPropensity, choice, rule, eventTimeMs: n },
  });
  const value = (worth[at] ?? 0) + 2 * (drawOf('reward', String(n)) - 0.5);
  const settled = rewards.RewardSettled.fromPartial({ ...common, state: rewards.RewardState.REWARDED, value });
  const late = rewards.RewardSettled.fromPartial({ ...common, state: rewards.RewardState.LATE, value: 1e9 });
  return [
    { topic: topics.decisionMade, key: `c${n}`, value: bytes(decisions.Decision.encode(decision)) },
    ...[late, settled].map((one) => ({
      ...{ topic: topics.rewardSettled, key: `c${n}`, value: bytes(rewards.RewardSettled.encode(one)) },
    })),
  ];
}

/** A prediction of a model that chooses, without rewards: `sms` is nearly always right. Nothing where its share of the log does not have it. */
function labelledChoice(n: number, model = 'labelled-offer', share = 1): OutRecord[] {
  const seed = share < 1 ? eventId('sampled', String(n)) : `l${n}`;
  if (!isLogged(seed, share)) return [];
  const at = drawArm('choose', seed, actionPmf);
  const choice = {
    action: actions[at] ?? '',
    actions,
    pmf: actionPmf,
    scores: [1, 0, 0],
    epsilon: 0.3,
    explore: at > 0,
    seed,
  };
  const common = { decisionId: seed, model, modelVersion: n % 2 === 0 ? '1' : '2', learn: true };
  const score = at === 1 ? 0.9 : 0.5;
  const propensity = 0.5 * (actionPmf[at] ?? 0);
  const inference = serving.Inference.fromPartial({
    ...{ ...common, championVersion: '1', policyRevision: '1', unit: seed, joinKey: seed, propensity, score, choice },
    inclusionProbability: share < 1 ? share : 0,
  });
  const outcome = outcomes.Outcome.fromPartial({ ...common, score, label: 1, kind: outcomes.OutcomeKind.LABELLED });
  return [
    { topic: topics.inferenceServed, key: seed, value: bytes(serving.Inference.encode(inference)) },
    { topic: topics.outcomeSettled, key: seed, value: bytes(outcomes.Outcome.encode(outcome)) },
  ];
}

/** Predictions that nobody drew, one whose record was tampered with, and a shadow. */
function outsiders(): OutRecord[] {
  const pinned = { ...inferenceOf(1), decisionId: 'pinned', arm: 'pinned', learn: false, arms: [], pmf: [], seed: '' };
  const false_ = { ...inferenceOf(2), decisionId: 'false', model: 'other', seed: 'x', modelVersion: 'none' };
  const shadow = {
    ...inferenceOf(3),
    decisionId: 'shadow',
    arm: 'shadow',
    learn: false,
    modelVersion: '7',
    score: 0.25,
  };
  return [
    { topic: topics.inferenceServed, key: 'k', value: bytes(serving.Inference.encode(pinned)) },
    { topic: topics.inferenceServed, key: 'k', value: bytes(serving.Inference.encode(false_)) },
    { topic: topics.inferenceShadowed, key: 'k', value: bytes(serving.Inference.encode(shadow)) },
  ];
}

function bytes(encoder: { finish(): Uint8Array }): Buffer {
  return Buffer.from(encoder.finish());
}

const options: EvaluateOptions = {
  ...{ clip: 20, margin: 0.01, confidence: 0.99, resamples: 300, seed: 1, decisionsMax: 100_000 },
};

describe('everloop decision evaluate', () => {
  it('finds the true value of each version in its intervals, and says which may answer', async () => {
    const evaluation = await evaluateModel(bus, 'delay', options);
    expect(evaluation).toMatchObject({ champion: '1', rewardedBy: 'labels', drawn: count, rewarded: count * 0.9 });
    expect(evaluation.versions.map(({ arm }) => arm)).toEqual(versions);
    for (const [at, { ips, snips, dr, units }] of evaluation.versions.entries()) {
      for (const { lower, upper } of [ips, snips, dr]) {
        expect(lower).toBeLessThan(truth[at] ?? 0);
        expect(upper).toBeGreaterThan(truth[at] ?? 0);
      }
      expect(units).toBeLessThanOrEqual(5_000);
    }
    expect(evaluation.versions.map(({ gate }) => gate?.verdict)).toEqual([undefined, 'pass', 'fail']);
    expect(evaluation.actions).toEqual([]);
    expect(['1', '2', '3'].map((arm) => gateCode(evaluation, arm))).toEqual([0, 0, 1]);
    expect(() => gateCode(evaluation, '8')).toThrow(/EVL_CLI_INPUT_INVALID|made by "8"/);
    expect(evaluationText(evaluation)).toMatch(/^2 .* pass: no worse than the champion$/m);
  });

  it('judges actions by their rewards, late ones left out', async () => {
    const evaluation = await evaluateModel(bus, 'offer', options);
    expect(evaluation).toMatchObject({ rewardedBy: 'rewards', rewarded: count });
    expect(evaluation.versions.map(({ arm }) => arm)).toEqual(['1', '2']);
    for (const { arm, ips, snips, dr } of evaluation.actions) {
      for (const { lower, upper } of [ips, snips, dr]) {
        expect(lower).toBeLessThan(worth[actions.indexOf(arm)] ?? 0);
        expect(upper).toBeGreaterThan(worth[actions.indexOf(arm)] ?? 0);
      }
    }
    const verdicts = new Map(evaluation.actions.map(({ arm, gate }) => [arm, gate?.verdict]));
    expect(verdicts).toEqual(new Map([['sms', 'pass'], ['email', 'fail'], ['letter', 'fail']])); // prettier-ignore
  });

  it('judges actions by labels where the model has no rewards', async () => {
    const evaluation = await evaluateModel(bus, 'labelled-offer', options);
    expect(evaluation).toMatchObject({ rewardedBy: 'labels', rewarded: 3_000 });
    const [first] = evaluation.versions;
    // Each record was drawn with version probability 1/2.
    expect(first?.ips.value).toBeCloseTo(first?.snips.value ?? 0, 1);
    const best = evaluation.actions.find(({ arm }) => arm === 'sms');
    expect(best?.snips.value).toBeCloseTo(0.99, 9);
    expect(best?.ips.lower).toBeLessThan(0.99);
    expect(best?.ips.upper).toBeGreaterThan(0.99);
    expect(best?.gate?.verdict).toBe('pass');
    expect(await replaySample(bus, 'labelled-offer', 100)).toMatchObject({ exitCode: 0 });
  });

  it('judges by a share of the log as by all of it, with wider intervals', async () => {
    const sure = { ...options, confidence: 0.999 };
    const [sampled, whole] = [
      await evaluateModel(bus, 'sampled-offer', sure),
      await evaluateModel(bus, 'labelled-offer', sure),
    ];
    expect(sampled.made).toBe(sampled.drawn * 4);
    expect(Math.abs(sampled.made - 12_000)).toBeLessThan(6 * Math.sqrt(12_000 * 3));
    expect(evaluationText(sampled)).toMatch(/sampled-offer: \d+ drawn decisions \(logged of about \d+\)/);
    expect(whole.made).toBe(whole.drawn);
    for (const { arm, snips, ips } of sampled.actions) {
      const known = whole.actions.find((one) => one.arm === arm);
      expect(snips.value).toBeCloseTo(known?.snips.value ?? NaN, 9);
      expect(ips.lower).toBeLessThan(known?.snips.value ?? NaN);
      expect(ips.upper).toBeGreaterThan(known?.snips.value ?? NaN);
    }
    expect(sampled.actions.map(({ gate }) => gate?.verdict)).toEqual(whole.actions.map(({ gate }) => gate?.verdict));
  });

  it('takes another champion and a later beginning, and refuses what it cannot hold', async () => {
    const later = await evaluateModel(bus, 'delay', { ...options, champion: '2', sinceMs: count / 2 });
    expect(later).toMatchObject({ champion: '2', drawn: count / 2 });
    await expect(evaluateModel(bus, 'delay', { ...options, decisionsMax: 10 })).rejects.toThrow(/--since/);
    await expect(evaluateModel(bus, 'nobody', options)).rejects.toMatchObject({ code: 'EVL_CLI_INPUT_INVALID' });
  });
});

describe('everloop decision replay', () => {
  it('draws a version and an action again', async () => {
    expect(await replayDecision(bus, 'd17')).toMatchObject({ exitCode: 0, text: expect.stringMatching(/the same/) });
    expect(await replayDecision(bus, 'c17')).toMatchObject({ exitCode: 0, text: expect.stringMatching(/action/) });
    expect(await replayDecision(bus, 'pinned')).toMatchObject({ exitCode: 0, text: expect.stringMatching(/no draw/) });
    await expect(replayDecision(bus, 'absent')).rejects.toMatchObject({ code: 'EVL_CLI_INPUT_INVALID' });
  });

  it('finds a record that its draw does not explain', async () => {
    const { text, exitCode } = await replayDecision(bus, 'false');
    expect(exitCode).toBe(1);
    expect(text).toMatch(/DIFFERENT: logged none, drawn/);
    expect(await replaySample(bus, 'other', 10)).toMatchObject({ exitCode: 1 });
  });

  it('draws a sample again', async () => {
    const { text, exitCode } = await replaySample(bus, 'delay', 500);
    expect(text).toMatch(/500 draws done again: 500 the same, 0 different/);
    expect(exitCode).toBe(0);
  });
});

describe('everloop decision show', () => {
  it('shows what the model saw, how it was drawn and what became of it', async () => {
    const shown = await findDecision(bus, 'd3');
    expect(shown.draws).toMatchObject([{ difference: '', of: 'version' }]);
    const text = decisionText(shown);
    for (const part of [/distance +3/, /carrier +AA/, /drawn again/, /shadow 7: 0\.25/, /OUTCOME_KIND_LABELLED/]) {
      expect(text).toMatch(part);
    }
  });

  it('shows the rewards of a decision', async () => {
    const shown = await findDecision(bus, 'c3');
    expect(shown.rewards).toHaveLength(2);
    expect(decisionText(shown)).toMatch(/REWARD_STATE_LATE/);
    await expect(findDecision(bus, 'absent')).rejects.toMatchObject({ code: 'EVL_CLI_INPUT_INVALID' });
  });
});
