import { decisions, outcomes, rewards, rollout, serving, servingApi, topics } from '@everloop/contracts';
import { drawArm } from '@everloop/stats';
import { eventually } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModel } from '../../apps/cli/src/decision/evaluate.ts';
import { replaySample } from '../../apps/cli/src/decision/replay.ts';
import { startWorld, waitMs, type World } from '../src/decisions/world.ts';

const atMs = Date.UTC(2026, 0, 1);
/** What a place is truly worth: version 1, which believes in the first, is wrong. */
const worth: Readonly<Record<string, number>> = { '1': 0.125, '2': 0.375, '3': 0.875 };

interface Made {
  readonly id: string;
  readonly version: string;
  readonly action: string;
  readonly propensity: number;
}

let world: World;
const made: Made[] = [];
beforeAll(async () => {
  world = await startWorld();
  await eventually(
    () =>
      predict('first').then(
        () => true,
        () => false,
      ),
    { timeoutMs: 60_000, what: 'an answer' },
  );
});
afterAll(() => world.stop());

async function predict(id: string): Promise<Made> {
  const request = { model: 'banner', id, eventTimeMs: atMs, features: { visit: id, age: 30 } };
  const answer = await world.serving.predict(servingApi.PredictRequest.fromPartial(request));
  return { id: answer.decisionId, version: answer.modelVersion, action: answer.action, propensity: answer.propensity };
}

const rewardOf = ({ id, action }: Made): servingApi.RewardRequest =>
  servingApi.RewardRequest.fromPartial({ decisionId: id, value: worth[action] ?? 0, eventTimeMs: atMs + 1 });

/** Decisions with their rewards; every fourth reward is sent twice, every fifth comes by Kafka, some of those in another partition. */
async function decide(name: string, count: number): Promise<readonly Made[]> {
  const now: Made[] = [];
  for (let from = 0; from < count; from += 25)
    now.push(...(await Promise.all(Array.from({ length: 25 }, (_, n) => predict(`${name}-${from + n}`)))));
  made.push(...now);
  await world.serving.rewardBatch({ rewards: now.filter((_, at) => at % 5 !== 0).map(rewardOf) });
  await Promise.all(now.filter((_, at) => at % 4 === 0).map((one) => world.serving.reward(rewardOf(one))));
  const direct = now.filter((_, at) => at % 5 === 0);
  await world.publisher.publish(
    direct.map((one, at) => ({
      ...{ topic: topics.rewardReceived, key: one.id, ...(at % 2 === 0 ? {} : { partition: at % 8 }) },
      value: JSON.stringify(servingApi.RewardRequest.toJSON(rewardOf(one))),
    })),
  );
  return now;
}

async function read<T>(topic: string, decode: (value: Buffer) => T): Promise<readonly T[]> {
  const all: T[] = [];
  await world.bus.readAll([topic], ({ records }) => {
    for (const { value } of records) if (value !== null) all.push(decode(value));
  });
  return all;
}
const settledNow = () => read(topics.rewardSettled, (value) => rewards.RewardSettled.decode(value));
const rewarded = async (): Promise<number> =>
  (await settledNow()).filter(({ state }) => state === rewards.RewardState.REWARDED).length;
const allRewarded = (): Promise<unknown> =>
  eventually(async () => (await rewarded()) === made.length, { timeoutMs: 60_000, what: 'rewards' });

let probes = 0;
/** Waits until a decision is made by what was earned; the probe itself gets no reward. */
async function untilVersions(holds: (pmf: readonly number[], actionsAreCold: boolean) => boolean): Promise<void> {
  const look = async (): Promise<boolean> => {
    probes += 1;
    const { id } = await predict(`probe-${probes}`);
    const found = await eventually(async () =>
      (await read(topics.decisionMade, (value) => decisions.Decision.decode(value))).find(
        ({ decisionId }) => decisionId === id,
      ),
    );
    return holds(found.pmf, found.choice?.epsilon === 1);
  };
  await eventually(look, { timeoutMs: 60_000, what: 'what arms have earned' });
}
const share = (all: readonly Made[], holds: (one: Made) => boolean): number => all.filter(holds).length / all.length;

/** The newest arm statistics, added up over partitions. */
async function armStats(basis: string): Promise<Readonly<Record<string, readonly [matured: number, nano: number]>>> {
  const newest = new Map<string, outcomes.ArmStats>();
  const all = await read(topics.armStats, (value) => outcomes.ArmStats.fromJSON(JSON.parse(value.toString('utf8'))));
  for (const stats of all) if (stats.basis === basis) newest.set(`${stats.arm}/${stats.partition}`, stats);
  const sums: Record<string, [number, number]> = {};
  for (const { arm, matured, rewardNano } of newest.values()) {
    const [count, nano] = sums[arm] ?? [0, 0];
    sums[arm] = [count + matured, nano + rewardNano];
  }
  return sums;
}

describe('exploration over versions and over actions, on a real broker', () => {
  it('begins uniformly, for actions and then for versions', async () => {
    const cold = await decide('cold', 50);
    for (const { propensity } of cold) expect(propensity).toBeCloseTo(1 / 6, 12);
    await allRewarded();
    await untilVersions(([one = 0, two = 0], actionsAreCold) => one === two && !actionsAreCold);
    const tepid = await decide('tepid', 150);
    for (const { version, action, propensity } of tepid)
      expect(propensity).toBeCloseTo(
        (version === '1') === (action === '1') && action !== '2' ? 0.5 * (13 / 15) : 0.5 / 15,
        12,
      );
    await allRewarded();
  });

  it('learns from rewards, across kill -9 of outcomes and gateway', async () => {
    await untilVersions(([one, two]) => one !== two);
    const before = await decide('warm', 50);
    await world.restart('outcomes');
    await decide('while', 50);
    await world.restart('gateway');
    await eventually(
      () =>
        predict('again').then(
          () => true,
          () => false,
        ),
      { timeoutMs: 60_000, what: 'an answer' },
    );
    const after = await decide('after', 300);
    expect(share(before, ({ version }) => version === '2')).toBeGreaterThan(0.6);
    expect(share(after, ({ version }) => version === '2')).toBeGreaterThan(0.75);
    expect(share(after, ({ action }) => action === '3')).toBeGreaterThan(0.65);
    // The gateway knows what was learned before it was killed from its first answer on.
    expect(after.every(({ propensity }) => Math.abs(propensity - 1 / 6) > 1e-6)).toBe(true);
    await allRewarded();
  });

  it('has each decision in the log once, with the probability that was answered, and draws it again', async () => {
    const log = await read(topics.decisionMade, (value) => decisions.Decision.decode(value));
    const byId = new Map(log.map((decision) => [decision.decisionId, decision]));
    expect(byId.size).toBe(log.length);
    expect(log.length).toBeGreaterThanOrEqual(made.length + 1);
    for (const { id, version, action, propensity } of made) {
      const decision = byId.get(id);
      const { choice, arms = [], pmf = [], seed = '', versionPropensity } = decision ?? {};
      expect(decision).toMatchObject({ modelVersion: version, propensity });
      expect(choice?.action).toBe(action);
      expect(arms[drawArm('explore', seed, pmf)]).toBe(version);
      expect(choice?.actions[drawArm('choose', choice.seed, choice.pmf)]).toBe(action);
      const ofAction = choice?.pmf[choice.actions.indexOf(action)] ?? Number.NaN;
      expect(propensity).toBeCloseTo((pmf[arms.indexOf(version)] ?? Number.NaN) * ofAction, 12);
      expect(versionPropensity).toBe(pmf[arms.indexOf(version)]);
    }
    // True: what was drawn is as frequent as its probabilities say, within five standard deviations.
    const given = made.flatMap(({ id }) => byId.get(id) ?? []);
    const drawn: readonly (readonly [happened: boolean, probability: number])[] = [
      ...given.map(({ modelVersion, pmf, arms }) => [modelVersion === '2', pmf[arms.indexOf('2')] ?? 0] as const),
      ...given.map(({ choice }) => [choice?.action === '3', choice?.pmf[2] ?? 0] as const),
    ];
    for (const half of [drawn.slice(0, given.length), drawn.slice(given.length)]) {
      const excess = half.reduce((sum, [happened, probability]) => sum + Number(happened) - probability, 0);
      const variance = half.reduce((sum, [, probability]) => sum + probability * (1 - probability), 0);
      expect(Math.abs(excess)).toBeLessThan(5 * Math.sqrt(variance));
    }
    const served = await read(topics.inferenceServed, (value) => serving.Inference.decode(value));
    expect(served.filter(({ decisionId }) => byId.has(decisionId)).length).toBe(log.length);
  });

  it('settles each decision once, and has what versions and actions earned to the last digit', async () => {
    const settled = await settledNow();
    const known = new Map(made.map((one) => [one.id, one]));
    const counted = settled.filter(({ decisionId }) => known.has(decisionId));
    expect(counted).toHaveLength(made.length);
    const expected = {
      version: {} as Record<string, [number, number]>,
      action: {} as Record<string, [number, number]>,
    };
    for (const { decisionId, state, value, rewards: count } of counted) {
      const { version = '', action = '' } = known.get(decisionId) ?? {};
      expect([state, value, count]).toEqual([rewards.RewardState.REWARDED, worth[action], 1]);
      for (const [sums, arm] of [
        [expected.version, version],
        [expected.action, action],
      ] as const) {
        const [matured, nano] = sums[arm] ?? [0, 0];
        sums[arm] = [matured + 1, nano + value * 1e9];
      }
    }
    expect(await armStats('version')).toEqual(expected.version);
    expect(await armStats('action')).toEqual(expected.action);
  });

  it('is drawn again, and judged off policy, by the command line', async () => {
    expect((await replaySample(world.bus, 'banner', 1_000)).exitCode).toBe(0);
    const options = { clip: 1_000, margin: 0, confidence: 0.999, resamples: 1_000, seed: 1, decisionsMax: 10_000 };
    const evaluation = await evaluateModel(world.bus, 'banner', options);
    expect(evaluation).toMatchObject({ rewardedBy: 'rewards', rewarded: made.length });
    // A place is always worth the same, so the weights of the self-normalised estimate cancel.
    for (const { arm, snips, ips } of evaluation.actions) {
      expect(snips.value).toBeCloseTo(worth[arm] ?? Number.NaN, 9);
      expect(ips.lower).toBeLessThan(worth[arm] ?? Number.NaN);
      expect(ips.upper).toBeGreaterThan(worth[arm] ?? Number.NaN);
    }
    const valueOf = (version: string): number => evaluation.versions.find(({ arm }) => arm === version)?.dr.value ?? 0;
    expect(valueOf('2')).toBeGreaterThan(valueOf('1'));
  });

  it('gives the default to what was not rewarded in time, and writes late rewards down', async () => {
    const silent = await predict('silent');
    const endMs = atMs + waitMs + 1;
    await world.publisher.publishWatermark(topics.clock, endMs);
    const about = async () => (await settledNow()).filter(({ decisionId }) => decisionId === silent.id);
    await eventually(async () => (await about()).length === 1, { timeoutMs: 60_000, what: 'the default' });
    await world.serving.reward({ ...rewardOf(silent), eventTimeMs: endMs });
    await world.serving.reward({ ...rewardOf(silent), eventTimeMs: endMs });
    await eventually(async () => (await about()).length === 2, { timeoutMs: 60_000, what: 'the late reward' });
    expect((await about()).map(({ state, value }) => [state, value])).toEqual([
      [rewards.RewardState.DEFAULTED, 0],
      [rewards.RewardState.LATE, worth[silent.action]],
    ]);
  });

  it('divides units between champion and challenger first, which is drawn again from the log too', async () => {
    const ranges = [{ from: 100_000, to: 400_000 }];
    const policy = { policy: 'epsilon-greedy', versions: ['1', '2'], epsilon: 0.2, floor: 0.05, warmUp: 60 };
    const route = rollout.Route.fromPartial({
      ...{ model: 'banner', revision: '2', championVersion: '1', salt: 's', exploration: policy },
      challengers: [{ version: '2', ranges }],
    });
    await world.publisher.publish([
      { topic: topics.route, key: 'banner', value: JSON.stringify(rollout.Route.toJSON(route)) },
    ]);
    const divided = async (): Promise<number> =>
      (await read(topics.inferenceServed, (value) => serving.Inference.decode(value))).filter(
        ({ draw }) => draw !== undefined,
      ).length;
    let asked = 0;
    const ask = async (): Promise<boolean> => {
      await Promise.all(Array.from({ length: 50 }, () => predict(`divided-${(asked += 1)}`)));
      return (await divided()) > 100;
    };
    await eventually(ask, { timeoutMs: 60_000, what: 'predictions of the new route' });
    const { text, exitCode } = await replaySample(world.bus, 'banner', 100_000);
    expect(text).toMatch(/, 0 different/);
    expect(Number(/(\d+) of them between champion and challengers/.exec(text)?.[1])).toBeGreaterThan(100);
    expect(exitCode).toBe(0);
  });
});
