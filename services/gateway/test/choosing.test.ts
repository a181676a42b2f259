import type { inference } from '@everloop/contracts';
import { outcomes, servingApi, topics, type ModelSpec } from '@everloop/contracts';
import { drawArm } from '@everloop/stats';
import { eventually } from '@everloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { setUp, shadow, type Harness } from './harness.ts';

/** The model of the other tests, but it chooses the origin; the score of an action is in `worth`. */
const choosing: ModelSpec = {
  ...spec,
  choose: { input: 'origin', actions: ['EWR', 'JFK', 'LGA'], epsilon: 0.3, floor: 0, halfAt: 0, warmUp: 0 },
  rewards: { waitMs: 60_000, default: 0, aggregate: 'earliest', min: 0, max: 1 },
};
const worth: Readonly<Record<string, number>> = { EWR: 0.25, JFK: 0.75, LGA: 0.5 };
const asked = (...trips: string[]) => trip(...trips).filter(({ name }) => name !== 'origin');

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function running(model: ModelSpec = choosing, route: Parameters<Harness['route']>[0] = {}): Promise<Harness> {
  const harness = setUp({ inFlightRowsMax: 4_096 }, resourcesFor(model, 'conditions'));
  harness.runner.score = (version, { categories }) =>
    Promise.resolve(Float64Array.from(categories, (origin) => (worth[origin] ?? Number.NaN) / Number(version)));
  stops.push(() => harness.stop());
  await harness.start();
  await harness.route(route);
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);
  return harness;
}

function outputOf(response: inference.ModelInferResponse, name: string): readonly (string | number)[] {
  const contents = response.outputs.find((output) => output.name === name)?.contents;
  if (contents === undefined) return [];
  const { bytesContents, fp32Contents, fp64Contents } = contents;
  return [...bytesContents.map(String), ...fp32Contents, ...fp64Contents];
}
const parameterOf = ({ parameters }: inference.ModelInferResponse, name: string): unknown =>
  parameters[name]?.parameterChoice?.value;

describe('a model that chooses among actions', () => {
  it('answers action, score and probability of each row, and logs how they came about', async () => {
    const harness = await running();
    const response = await harness.infer({ inputs: asked('T1', 'T2', 'T3', 'T4') });
    const actions = outputOf(response, 'action');
    expect(response.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ...[
        ['action', 'BYTES', [4n]],
        ['score', 'FP32', [4n]],
        ['propensity', 'FP64', [4n]],
      ],
    ]);
    expect(outputOf(response, 'score')).toEqual(actions.map((action) => worth[action]));
    const pmf = [0.1, 0.8, 0.1].map((each) => expect.closeTo(each, 12) as number);
    expect(harness.records).toHaveLength(4);
    for (const [row, { inference: record }] of harness.records.entries()) {
      const { choice, propensity, decisionId, score, inputValues } = record;
      expect(choice).toEqual({
        ...{ action: actions[row], actions: ['EWR', 'JFK', 'LGA'], pmf, scores: [0.25, 0.75, 0.5], epsilon: 0.3 },
        ...{ explore: actions[row] !== 'JFK', seed: decisionId },
      });
      expect(propensity).toBe(outputOf(response, 'propensity')[row]);
      expect(propensity).toBeCloseTo(actions[row] === 'JFK' ? 0.8 : 0.1, 12);
      expect(score).toBe(worth[actions[row] ?? '']);
      expect(inputValues[0]).toEqual({ kind: { $case: 'text', value: actions[row] } });
      expect(choice?.actions[drawArm('choose', choice.seed, choice.pmf)]).toBe(choice?.action);
      expect(harness.decided[row]).toMatchObject({ decisionId, choice, propensity, versionPropensity: 1, score });
    }
    // One run for all rows and actions; several rows have no single probability.
    expect(harness.runner.runs.map(({ batch }) => batch.rows)).toEqual([12]);
    expect(parameterOf(response, 'propensity')).toBeUndefined();
  });

  it('answers one row in everloop.serving.v1, raw where it was asked raw, and only the outputs that were asked', async () => {
    const harness = await running();
    const features = { trip: 'T1', distance: 719 };
    const one = await harness.gateway.serving.predict(
      servingApi.PredictRequest.fromPartial({ model: 'delay', id: 'r', features }),
    );
    expect(one.score).toBe(worth[one.action]);
    expect(one.propensity).toBeCloseTo(one.action === 'JFK' ? 0.8 : 0.1, 12);
    expect(one.explore).toBe(one.action !== 'JFK');
    const again = await harness.infer({ id: 'r', inputs: asked('T1'), outputs: [{ name: 'action' }] });
    expect(again.outputs.map(({ name }) => name)).toEqual(['action']);
    expect(outputOf(again, 'action')).toEqual([one.action]);
    expect(parameterOf(again, 'propensity')).toBe(one.propensity);
    const raw = { binary_data_output: { parameterChoice: { $case: 'boolParam' as const, value: true } } };
    const { rawOutputContents } = await harness.infer({ id: 'r', inputs: asked('T1'), parameters: raw });
    expect(rawOutputContents.map((each) => each.length)).toEqual([7, 4, 8]);
    expect(rawOutputContents[0]?.subarray(4).toString()).toBe(one.action);
  });

  it('keeps the action of a request that is asked again, and how probable it was, whatever has been learned since', async () => {
    const learning = { ...choosing, choose: { ...choosing.choose, warmUp: 2 } as ModelSpec['choose'] & object };
    const harness = await running(learning);
    const first = await harness.infer({ inputs: asked('T1') });
    expect(parameterOf(first, 'propensity')).toBeCloseTo(1 / 3, 12);
    for (const arm of ['EWR', 'JFK', 'LGA']) {
      const stats = { model: 'delay', partition: 0, arm, matured: 2, rewardNano: 0, rewardSquaredMicro: 0 };
      await harness.bus.give(topics.armStats, outcomes.ArmStats.toJSON({ ...stats, basis: 'action' }));
    }
    const [again, next] = [
      await harness.infer({ inputs: asked('T1') }),
      await harness.infer({ id: 'n', inputs: asked('T1') }),
    ];
    expect(outputOf(again, 'action')).toEqual(outputOf(first, 'action'));
    expect(parameterOf(again, 'propensity')).toBe(parameterOf(first, 'propensity'));
    expect(harness.decided[1]?.choice?.pmf).toEqual(harness.decided[0]?.choice?.pmf);
    expect(parameterOf(next, 'propensity')).toBeCloseTo(outputOf(next, 'action')[0] === 'JFK' ? 0.8 : 0.1, 12);
  });

  it('multiplies the probability of the version; a fallback has none, and its action is drawn by what answered', async () => {
    const challengers = [{ version: '2', ranges: [{ from: 0, to: 250_000 }] }];
    const harness = await running(choosing, { challengers });
    for (let at = 0; at < 20; at += 1) await harness.infer({ id: `r${at}`, inputs: asked('T1') });
    for (const { propensity, versionPropensity, modelVersion, choice } of harness.decided) {
      expect(versionPropensity).toBe(modelVersion === '2' ? 0.25 : 0.75);
      expect(propensity).toBeCloseTo(versionPropensity * (choice?.action === 'JFK' ? 0.8 : 0.1), 12);
    }
    expect(new Set(harness.decided.map(({ modelVersion }) => modelVersion))).toEqual(new Set(['1', '2']));
    const { score } = harness.runner;
    harness.runner.score = (version, batch) =>
      version === '2' ? Promise.reject(new Error('broken')) : score(version, batch);
    for (let at = 20; at < 40; at += 1) await harness.infer({ id: `r${at}`, inputs: asked('T1') });
    const fallen = harness.decided.filter(({ arm }) => arm === 'fallback');
    expect(fallen.length).toBeGreaterThan(0);
    for (const { propensity, learn, choice } of fallen) {
      expect([propensity, learn, choice?.scores]).toEqual([0, false, [0.25, 0.75, 0.5]]);
    }
  });

  it('lets shadows see what was chosen', async () => {
    const harness = await running(choosing, { shadows: [shadow('2')] });
    const response = await harness.infer({ inputs: asked('T1') });
    await eventually(() => harness.records.length === 2);
    const [action = ''] = outputOf(response, 'action');
    const mirrored = harness.records.find(({ stream }) => stream === 'shadowed')?.inference;
    expect(mirrored).toMatchObject({ score: (worth[action] ?? 0) / 2, choice: undefined });
    expect(mirrored?.inputValues[0]).toEqual({ kind: { $case: 'text', value: action } });
    expect(harness.decided).toHaveLength(1);
  });

  it.each<[string, Parameters<Harness['infer']>[0], RegExp]>([
    [
      'the field that it chooses itself',
      { inputs: trip('T1') },
      /input 'origin' is not a request field \(trip, distance\)/,
    ],
    [
      'another output',
      { inputs: asked('T1'), outputs: [{ name: 'x' }] },
      /there are action, score, propensity, attributions, base_value/,
    ],
  ])('refuses %s', async (_name, request, message) => {
    const harness = await running();
    await expect(harness.infer(request)).rejects.toThrow(message);
  });

  it('refuses more runs than one request may have', async () => {
    const actions = Array.from({ length: 64 }, (_, at) => `A${at}`);
    const many = { ...choosing, choose: { ...choosing.choose, actions } as ModelSpec['choose'] & object };
    const harness = await running(many);
    const trips = Array.from({ length: 33 }, (_, at) => `T${at}`);
    await expect(harness.infer({ inputs: asked(...trips) })).rejects.toThrow(
      /33 rows with 64 actions are 2112 runs, at most 2048: ask for fewer rows at once/,
    );
  });

  it('says what it takes and answers', async () => {
    const { gateway } = await running();
    const { inputs, outputs } = gateway.service.modelMetadata({ name: 'delay', version: '' });
    expect(inputs.map(({ name }) => name)).toEqual(['trip', 'distance']);
    expect(outputs.map(({ name, datatype }) => `${name} ${datatype}`)).toEqual([
      ...['action BYTES', 'score FP32', 'propensity FP64'],
    ]);
    const { config } = gateway.service.modelConfig({ name: 'delay', version: '' });
    expect(config?.input.map(({ name }) => name)).toEqual(['trip', 'distance']);
    expect(config?.output.map(({ name }) => name)).toEqual(['action', 'score', 'propensity']);
  });
});

describe('versions of a model with rewards', () => {
  it('are explored by what decisions earned, not by labels', async () => {
    const exploration = {
      policy: 'epsilon-greedy',
      versions: ['1', '2'],
      epsilon: 0.2,
      floor: 0,
      halfAt: 0,
      warmUp: 1,
    };
    const harness = await running(choosing, { exploration });
    const earned = async (arm: string, basis: string, rewardNano: number): Promise<void> => {
      const stats = { model: 'delay', partition: 0, arm, matured: 1, rewardNano, rewardSquaredMicro: 0, basis };
      await harness.bus.give(topics.armStats, outcomes.ArmStats.toJSON(stats));
    };
    for (const [basis, best] of [
      ['', '1'],
      ['version', '2'],
    ] as const)
      for (const arm of ['1', '2']) await earned(arm, basis, arm === best ? 1e9 : 0);
    await harness.infer({ inputs: asked('T1') });
    expect(harness.decided[0]?.pmf).toEqual([0.1, 0.9].map((each) => expect.closeTo(each, 12) as number));
  });
});
