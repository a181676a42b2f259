import {
  inference,
  servingApi,
  type GateAction,
  type GatedField,
  type ModelSpec,
  type rollout,
} from '@everloop/contracts';
import { encodeGolden } from '@everloop/features';
import { ServiceError } from '@everloop/service';
import { eventually } from '@everloop/testing';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { booleanParameter } from '../src/domain/parameters.ts';
import { RequestRefused } from '../src/errors.ts';
import { resourcesFor, spec } from './fixtures.ts';
import { goldenRows, pinsOf, scoreOf } from './golden-rows.ts';
import { challenger, setUp, shadow, type Harness } from './harness.ts';

/** What is asked, in neither form. */
interface Asked {
  readonly id?: string;
  readonly version?: string;
  readonly unit?: string;
  readonly eventTimeMs?: number;
  readonly route?: string;
  readonly explain?: boolean;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

const harnesses: Harness[] = [];
afterEach(async () => {
  for (const harness of harnesses.splice(0)) await harness.stop();
});

interface World {
  readonly model?: Partial<ModelSpec>;
  readonly route?: Partial<rollout.Route>;
  readonly prepare?: (harness: Harness) => void;
  /** Version 1 has golden rows, and scores as their model does. */
  readonly isGolden?: boolean;
  /** Origins that versions were trained with. */
  readonly origins?: Readonly<Record<string, readonly string[]>>;
}

async function served({ model = {}, route = {}, prepare, isGolden = false, origins = {} }: World): Promise<Harness> {
  const harness = setUp({}, resourcesFor({ ...spec, ...model }, 'conditions'));
  harnesses.push(harness);
  if (isGolden) {
    harness.versions.golden = {
      '1': encodeGolden({ inputs: spec.inputs.map(({ name }) => name), rows: goldenRows() }),
    };
    harness.versions.parameters = { '1': pinsOf(spec) };
    harness.runner.score = (_version, batch) => Promise.resolve(scoreOf(batch));
  }
  harness.versions.categories = Object.fromEntries(
    Object.entries(origins).map(([version, origin]) => [version, { origin }]),
  );
  await harness.start();
  await harness.route(route);
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
  prepare?.(harness);
  return harness;
}

const text = (value: string): inference.InferParameter => ({ parameterChoice: { $case: 'stringParam', value } });

function tensorOf([name, value]: [string, string | number | boolean]) {
  const contents =
    typeof value === 'string'
      ? { bytesContents: [Buffer.from(value)] }
      : typeof value === 'number'
        ? { fp64Contents: [value] }
        : { boolContents: [value] };
  const datatype = typeof value === 'string' ? 'BYTES' : typeof value === 'number' ? 'FP64' : 'BOOL';
  return { name, datatype, shape: [1n], contents };
}

/** An answer of either form, in one form. */
async function byTensors(harness: Harness, asked: Asked): Promise<object> {
  const { id = '', version = '', unit, eventTimeMs, route, explain, fields } = asked;
  const parameters = {
    ...(explain === undefined ? {} : { explain: booleanParameter(explain) }),
    ...(unit === undefined ? {} : { unit_id: text(unit) }),
    ...(route === undefined ? {} : { 'x-everloop-route': text(route) }),
    ...(eventTimeMs === undefined
      ? {}
      : { event_time_ms: { parameterChoice: { $case: 'int64Param' as const, value: BigInt(eventTimeMs) } } }),
  };
  const inputs = Object.entries(fields).map(tensorOf);
  const request = inference.ModelInferRequest.fromPartial({
    modelName: 'delay',
    modelVersion: version,
    id,
    parameters,
    inputs,
  });
  const answer = await harness.gateway.service.modelInfer(request);
  const said = Object.fromEntries(
    Object.entries(answer.parameters).map(([name, { parameterChoice }]) => [name, parameterChoice?.value]),
  );
  return {
    ...said,
    ...{ id: answer.id, model: answer.modelName, version: answer.modelVersion },
    score: answer.outputs[0]?.contents?.fp32Contents[0],
    attributions: answer.outputs[1]?.contents?.fp64Contents ?? [],
    base_value: answer.outputs[2]?.contents?.fp64Contents[0],
  };
}

async function byFields(harness: Harness, asked: Asked): Promise<object> {
  const { id = '', version = '', unit = '', eventTimeMs, route = '', explain = false, fields } = asked;
  const answer = await harness.gateway.serving.predict({
    ...{ model: 'delay', version, id, unit, eventTimeMs, route, explain, features: { ...fields } },
  });
  return inParameters(answer);
}

function inParameters(answer: servingApi.PredictResponse): object {
  const findings = answer.findings.map(
    ({ field, problem, action, value }) => `${field} row 0: ${problem}${value === '' ? '' : ` ${value}`}, ${action}`,
  );
  return {
    ...{ decision_id: answer.decisionId, id: answer.id, model: answer.model, version: answer.modelVersion },
    ...{ model_version: answer.modelVersion, score: answer.score, arm: answer.arm },
    ...{ propensity: answer.propensity, explore: answer.explore, policy_version: answer.policyVersion },
    ...{ 'x-everloop-route': answer.route, verdict: answer.verdict, degraded: answer.degraded },
    ...(findings.length === 0 ? {} : { gate_findings: findings.join('; ') }),
    attributions: answer.attributions.map(({ value }) => value),
    base_value: answer.baseValue,
    ...(answer.target === '' ? {} : { target: answer.target }),
    ...(answer.fallbackFrom === '' ? {} : { fallback_from: answer.fallbackFrom, arm_intended: answer.armIntended }),
  };
}

/** What came of a request: the answer, or all that an error says. */
async function outcome(answer: Promise<object>): Promise<object> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return {
      ...{ code: error.code, kind: error.kind, message: error.message },
      reasons: error instanceof RequestRefused ? error.reasons : [],
    };
  }
}

const metrics = [
  'everloop_gateway_requests_total',
  'everloop_gateway_verdicts_total',
  'everloop_gateway_gate_findings_total',
  'everloop_gateway_fallbacks_total',
  'everloop_gateway_late_requests_total',
];

/** Everything that requests left behind, but for how long they took. */
async function traces(harness: Harness): Promise<object> {
  const counted: Record<string, object> = {};
  for (const name of metrics) counted[name] = await harness.metric(name);
  return {
    counted,
    records: harness.records.map(({ stream, inference: record }) => ({ stream, ...record, latencyUs: 0 })),
    runs: harness.runner.runs,
  };
}

/** Asks both APIs the same, each on a gateway of its own, one after the other; returns what both came to. */
async function compare(world: World, asks: readonly Asked[]): Promise<readonly object[]> {
  const results: object[][] = [];
  const left: object[] = [];
  for (const ask of [byTensors, byFields]) {
    const harness = await served(world);
    const answers: object[] = [];
    for (const asked of asks) answers.push(await outcome(ask(harness, asked)));
    results.push(answers);
    left.push(await traces(harness));
    await harness.stop();
  }
  expect(results[1]).toEqual(results[0]);
  expect(left[1]).toEqual(left[0]);
  return results[0] ?? [];
}

const fields = { trip: 'T1', origin: 'EWR', distance: 719 };
const request: readonly GatedField[] = [
  { name: 'trip', type: 'string' },
  { name: 'origin', type: 'string', values: ['EWR', 'JFK'], default: 'JFK' },
  { name: 'distance', type: 'number', min: 1, max: 1_000, default: 500 },
];
const gate = { missing: 'impute', notFinite: 'impute', outOfRange: 'flag', unseen: 'default' } as const;
const trained = (unseen: GateAction): Partial<ModelSpec> => ({
  request: request.map((field) => (field.name === 'origin' ? { ...field, values: 'training' } : field)),
  gate: { ...gate, unseen },
});
const canary = { revision: '7', challengers: [challenger('2', 0.5)], shadows: [shadow('3')] };
const units = Array.from({ length: 40 }, (_, n) => ({ id: `r${n}`, unit: `u${n}`, fields }));

describe('one code path: the same asked of both APIs', () => {
  it.each<[string, World, readonly Asked[], object]>([
    ['an answer', {}, [{ id: 'r', fields }], { arm: 'champion', score: 0.1 }],
    ['its event time, before the watermark', {}, [{ id: 'r', eventTimeMs: 5, fields }], { verdict: 'accept' }],
    [
      'flagged',
      { model: { request, gate } },
      [{ id: 'r', fields: { ...fields, distance: 2_000 } }],
      { verdict: 'flag' },
    ],
    [
      'default',
      { model: { request, gate } },
      [{ id: 'r', fields: { ...fields, origin: 'XXX' } }],
      { verdict: 'default' },
    ],
    ['imputed', { model: { request, gate } }, [{ id: 'r', fields: { trip: 'T1' } }], { verdict: 'impute' }],
    ...(['flag', 'impute', 'default'] as const).map((action): [string, World, readonly Asked[], object] => [
      `${action} what the version was not trained with`,
      { model: trained(action), origins: { '1': ['JFK'] } },
      [{ id: 'r', fields }],
      { verdict: action, gate_findings: `origin row 0: unseen "EWR", ${action}` },
    ]),
    [
      'refused by what the version was trained with',
      { model: trained('reject'), origins: { '1': ['JFK'] } },
      [{ id: 'r', fields }],
      { code: 'EVL_GATEWAY_REQUEST_INVALID', reasons: [expect.stringContaining('version 1 was trained with')] },
    ],
    [
      'answered by the champion for a challenger that would refuse',
      {
        model: trained('reject'),
        origins: { '1': ['EWR'], '2': ['JFK'] },
        route: { challengers: [challenger('2', 1)] },
      },
      [{ id: 'r', fields }],
      { verdict: 'accept', arm: 'fallback', fallback_from: '2' },
    ],
    ['a boolean for a number', {}, [{ id: 'r', fields: { ...fields, distance: true } }], { verdict: 'accept' }],
    ['no join key', {}, [{ id: 'r', fields: { origin: 'EWR', distance: 1 } }], { code: 'EVL_GATEWAY_REQUEST_INVALID' }],
    [
      'everything wrong at once',
      { model: { request } },
      [{ id: 'r', eventTimeMs: 5, fields: { trip: '', origin: 7, distance: Number.NaN, other: 1 } }],
      { code: 'EVL_GATEWAY_REQUEST_INVALID' },
    ],
    ['pinned', { route: canary }, [{ id: 'r', version: '2', fields }], { arm: 'pinned', version: '2' }],
    ['pinned to nothing', {}, [{ id: 'r', version: '9', fields }], { code: 'EVL_GATEWAY_VERSION_NOT_FOUND' }],
    ['sticky', { route: canary }, [{ id: 'r', route: ':delay_2:', fields }], { arm: 'sticky', version: '2' }],
    ['sticky to another model', { route: canary }, [{ id: 'r', unit: 'u0', route: ':x_2:', fields }], {}],
    [
      'targeted',
      { route: { ...canary, targets: [{ name: 'newark', cel: "record.origin == 'EWR'", version: '2' }] } },
      [{ id: 'r', fields }],
      { arm: 'targeted', target: 'newark' },
    ],
    ['drawn for units, with a shadow', { route: canary }, units, { propensity: 0.5 }],
    ['asked again', { route: canary }, [...units.slice(0, 5), ...units.slice(0, 5)], { propensity: 0.5 }],
    [
      'a fallback',
      { route: { challengers: [challenger('2', 1)] }, prepare: failing('2') },
      [{ id: 'r', fields }],
      { arm: 'fallback', fallback_from: '2', arm_intended: 'canary' },
    ],
    ['a champion that fails', { prepare: failing('1') }, [{ id: 'r', fields }], { code: 'EVL_GATEWAY_RUN_FAILED' }],
    [
      'no online store',
      { prepare: ({ store }) => (store.online = { mgetBuffer: () => Promise.reject(new Error('away')) }) },
      [{ id: 'r', fields }],
      { degraded: true },
    ],
    ['explained', { isGolden: true }, [{ id: 'r', explain: true, fields }], { attributions: { length: 3 } }],
    [
      'explained without golden rows',
      {},
      [{ id: 'r', explain: true, fields }],
      { code: 'EVL_GATEWAY_EXPLAIN_PRECONDITION' },
    ],
    [
      'a full log',
      { prepare: ({ queue }) => (queue.bytes = 1e9) },
      [{ id: 'r', fields }],
      { code: 'EVL_GATEWAY_LOG_FULL' },
    ],
  ])('%s', async (_name, world, asks, expected) => {
    const [first] = await compare(world, asks);
    expect(first).toMatchObject(expected);
  });

  it('is the same for any values', async () => {
    const value = fc.oneof(fc.string({ maxLength: 5 }), fc.double(), fc.boolean(), fc.constant('EWR'));
    const names = fc.constantFrom('trip', 'origin', 'distance', 'other');
    const asked = fc.record({ id: fc.constant('r'), fields: fc.dictionary(names, value, { minKeys: 1 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 5, maxLength: 20 }), async (asks) => {
        await compare(
          { model: { request, gate } },
          asks.map((each, n) => ({ ...each, id: `r${n}` })),
        );
      }),
      { numRuns: 15 },
    );
  });
});

function failing(version: string): (harness: Harness) => void {
  return ({ runner }) => {
    const { score } = runner;
    runner.score = (each, batch) => (each === version ? Promise.reject(new Error('broken')) : score(each, batch));
  };
}

describe('a batch', () => {
  const row = (id: string, more: object = fields): servingApi.PredictRow =>
    servingApi.PredictRow.fromPartial({ id, features: more });
  const batch = (rows: servingApi.PredictRow[], more: Partial<servingApi.PredictBatchRequest> = {}) => ({
    ...{ model: 'delay', version: '', rows },
    ...more,
  });

  it('has for each row what Predict says of it, and shares a read of features', async () => {
    const world = { route: canary, model: { request } };
    const asks = [...units.slice(0, 20), { id: 'bad', fields: { ...fields, distance: -1 } }, { id: 'x', fields: {} }];
    const alone = await served(world);
    const expected = [];
    for (const asked of asks) expected.push(await outcome(byFields(alone, asked)));
    const together = await served(world);
    let reads = 0;
    together.store.online = {
      mgetBuffer: (keys) => {
        reads += 1;
        return Promise.resolve(keys.map(() => null));
      },
    };
    const rows = asks.map(({ fields: given, ...each }) => ({ ...row(each.id, given), ...each }));
    const answer = await together.gateway.serving.predictBatch(batch(rows));
    const found = answer.rows.map(({ result }) => {
      if (result?.$case === 'prediction') return inParameters(result.value);
      const { retryable, ...error } = result?.value ?? { retryable: false };
      return { ...error, kind: retryable ? 'retryable' : 'terminal' };
    });
    expect(found).toEqual(expected);
    expect(found.at(-2)).toMatchObject({ reasons: ["field 'distance' row 0 is -1, expected 1 to 1000"] });
    expect(reads).toBe(1);
    expect(await together.metric('everloop_gateway_requests_total')).toMatchObject({
      'delay none EVL_GATEWAY_REQUEST_INVALID': 2,
    });
  });

  it('refuses rows beyond what may be in flight, and no others', async () => {
    const harness = setUp({ inFlightRowsMax: 3 });
    harnesses.push(harness);
    await harness.start();
    await harness.route({});
    await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
    const { rows } = await harness.gateway.serving.predictBatch(batch(['a', 'b', 'c', 'd', 'e'].map((id) => row(id))));
    const errors = rows.map(({ result }) => (result?.$case === 'error' ? result.value : null));
    expect(errors.map((error) => error?.code ?? null)).toEqual([
      null,
      null,
      null,
      ...Array<string>(2).fill('EVL_GATEWAY_QUEUE_FULL'),
    ]);
    expect(errors[4]?.retryable).toBe(true);
  });

  it.each([
    ['no rows', batch([]), 'EVL_GATEWAY_REQUEST_INVALID'],
    ['too many rows', batch(Array.from({ length: 257 }, (_, n) => row(`${n}`))), 'EVL_GATEWAY_REQUEST_INVALID'],
    ['an unknown model', batch([row('a')], { model: 'nope' }), 'EVL_GATEWAY_MODEL_NOT_FOUND'],
  ])('%s fails the call', async (_name, request, code) => {
    const harness = await served({});
    await expect(harness.gateway.serving.predictBatch(request)).rejects.toMatchObject({ code });
  });

  it('is not taken while the gateway stops; a bug fails the call', async () => {
    const harness = await served({});
    harness.disk.written = Promise.reject(new TypeError('a bug'));
    harness.disk.written.catch(() => undefined);
    await expect(harness.gateway.serving.predictBatch(batch([row('a')]))).rejects.toThrow('a bug');
    harness.disk.written = Promise.resolve();
    await harness.stop();
    await expect(harness.gateway.serving.predictBatch(batch([row('a')]))).rejects.toMatchObject({
      code: 'EVL_GATEWAY_NOT_READY',
    });
  });
});
