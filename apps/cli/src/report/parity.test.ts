import { features, serving, type ModelSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { checkParity, Sample } from './parity.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };
const model = {
  request: [{ name: 'flight_id', type: 'string' }],
  joinKey: 'flight_id',
  views: [
    { view: 'weather', key: 'request.origin' },
    { view: 'plan', key: 'request.flight_id' },
  ],
  inputs: [
    { name: 'from_airport', type: 'category', from: 'request.origin' },
    { name: 'temp', type: 'number', from: 'weather.temp' },
  ],
} as unknown as ModelSpec;
const inference = (temp: serving.FeatureValue, decisionId = '00000001'): serving.Inference =>
  serving.Inference.fromPartial({
    decisionId,
    joinKey: 'f1',
    eventTimeMs: 100,
    inputNames: ['from_airport', 'temp'],
    inputValues: [{ kind: { $case: 'text', value: 'EWR' } }, temp],
  });
const service = {
  getHistorical: (request: features.GetFeaturesRequest) =>
    Promise.resolve(
      features.GetFeaturesResponse.fromPartial({
        names: ['temp', 'from_airport'],
        rows: request.rows.map((row) => ({ values: [number(39.02), row.request['origin'] ?? missing] })),
      }),
    ),
};

describe('checkParity', () => {
  it('finds nothing where there is nothing', async () => {
    expect(await checkParity('m', model, [inference(number(39.02))], service)).toMatchObject({
      checked: 1,
      different: 0,
    });
  });

  it('finds the last bit', async () => {
    const report = await checkParity('m', model, [inference(number(39.02 + 2 ** -47)), inference(missing)], service);
    expect(report).toMatchObject({ checked: 2, different: 2 });
    expect(report.examples[1]).toBe('f1 at 1970-01-01T00:00:00.100Z: temp was missing, is 39.02');
  });

  it('compares what is computed on demand where the log has the whole request', async () => {
    const other = {
      ...model,
      request: [...model.request, { name: 'origin', type: 'string' }, { name: 'bags', type: 'number' }],
      inputs: [...model.inputs, { name: 'per_bag', type: 'number', from: 'onDemand.per_bag' }],
    } as unknown as ModelSpec;
    const computing = {
      getHistorical: (request: features.GetFeaturesRequest) =>
        Promise.resolve(
          features.GetFeaturesResponse.fromPartial({
            names: ['per_bag'],
            rows: request.rows.map((row) => ({ values: [row.request['bags'] === undefined ? missing : number(7)] })),
          }),
        ),
    };
    const old = inference(number(39.02));
    const served = { ...old, inputNames: [...old.inputNames, 'per_bag'], inputValues: [...old.inputValues, number(8)] };
    const whole = { ...served, requestNames: ['bags'], requestValues: [number(3)] };
    expect(await checkParity('m', other, [served], computing)).toMatchObject({ checked: 1, different: 0 });
    expect((await checkParity('m', other, [whole], computing)).examples).toEqual([
      'f1 at 1970-01-01T00:00:00.100Z: per_bag was 8, is 7',
    ]);
  });

  it('says when the log has too little', async () => {
    const other = { ...model, views: [{ view: 'weather', key: 'request.dest' }] };
    expect(await checkParity('m', other, [inference(missing)], service)).toMatchObject({
      note: 'request.dest is not in the prediction log',
    });
  });
});

describe('Sample', () => {
  it('takes the same ones whatever the order, and no more than wanted', () => {
    const all = Array.from({ length: 1_000 }, (_, i) =>
      inference(missing, ((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')),
    );
    const take = (rows: serving.Inference[]): string[] => {
      const sample = new Sample(100, rows.length);
      for (const row of rows) sample.add(row);
      return sample.rows().map((row) => row.decisionId);
    };
    expect(take(all)).toHaveLength(100);
    expect(take(all.toReversed())).toEqual(take(all));
    expect(take(all.slice(0, 3))).toHaveLength(3);
    expect(take([])).toEqual([]);
  });
});
