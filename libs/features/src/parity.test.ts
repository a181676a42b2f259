import { serving, type ModelSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  differencesOf,
  isSameValue,
  isSampled,
  isWholeRequest,
  requestBesideInputs,
  requestOf,
  unknownKeys,
  valueText,
} from './parity.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const text = (value: string): serving.FeatureValue => ({ kind: { $case: 'text', value } });
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
const inference = (temp: serving.FeatureValue): serving.Inference =>
  serving.Inference.fromPartial({
    joinKey: 'f1',
    inputNames: ['from_airport', 'temp'],
    inputValues: [text('EWR'), temp],
  });

describe('requestOf', () => {
  it("takes the inputs that come from the request under the request's names", () => {
    expect(requestOf(model, inference(missing))).toEqual({ flight_id: text('f1'), origin: text('EWR') });
  });

  it('gives a join key that is a number as a number', () => {
    const other = { ...model, request: [{ name: 'flight_id', type: 'number' }] } as ModelSpec;
    const served = { ...inference(missing), joinKey: '17' };
    expect(requestOf(other, served)['flight_id']).toEqual(number(17));
  });
});

describe('the request in the log', () => {
  const wider = {
    ...model,
    request: [...model.request, { name: 'dest', type: 'string' }, { name: 'origin', type: 'string' }],
    views: [...model.views, { view: 'arrivals', key: ['request.origin', 'request.dest'] }],
  } as ModelSpec;
  const served = inference(missing);

  it('has the fields that are neither the join key nor an input beside these', () => {
    expect(requestBesideInputs(wider)).toEqual(['dest']);
    expect(requestBesideInputs(model)).toEqual([]);
  });

  it('is whole with them, and is not in a record from before', () => {
    const whole = requestOf(wider, { ...served, requestNames: ['dest'], requestValues: [text('JFK')] });
    expect(whole).toEqual({ flight_id: text('f1'), origin: text('EWR'), dest: text('JFK') });
    expect([isWholeRequest(wider, whole), unknownKeys(wider, whole)]).toEqual([true, []]);
    const old = requestOf(wider, served);
    expect([isWholeRequest(wider, old), unknownKeys(wider, old)]).toEqual([false, ['request.dest']]);
  });
});

describe('isSameValue', () => {
  it.each([
    ['missing is missing', missing, undefined, true],
    ['NaN is missing', number(Number.NaN), missing, true],
    ['zero is not missing', number(0), missing, false],
    ['zeros differ by sign', number(0), number(-0), false],
    ['text is not a number', text('1'), number(1), false],
    ['the last bit counts', number(39.02), number(39.02 + 2 ** -47), false],
  ])('%s', (_name, a, b, same) => {
    expect(isSameValue(a, b)).toBe(same);
    expect(isSameValue(b, a)).toBe(same);
  });

  it('is true for every value and itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double().map(number), fc.string().map(text), fc.constant(missing)), (value) => {
        expect(isSameValue(value, structuredClone(value))).toBe(true);
      }),
    );
  });
});

describe('differencesOf', () => {
  it('gives each differing input with both values', () => {
    expect(differencesOf(inference(number(1)), ['temp', 'from_airport'], [number(2), text('EWR')])).toEqual([
      { feature: 'temp', served: number(1), again: number(2) },
    ]);
  });

  it('leaves out inputs that were not computed again', () => {
    expect(differencesOf(inference(number(1)), ['from_airport'], [text('EWR')])).toEqual([]);
  });

  it('takes an absent value for a missing one', () => {
    expect(differencesOf(inference(missing), ['from_airport', 'temp'], [text('EWR')])).toEqual([]);
  });
});

describe('isSampled', () => {
  it('takes about the share that is asked for, a smaller one out of a larger', () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => ((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0'));
    const tenth = ids.filter((id) => isSampled(id, 0.1));
    expect(tenth.length).toBeGreaterThan(350);
    expect(tenth.length).toBeLessThan(450);
    expect(tenth.every((id) => isSampled(id, 0.2))).toBe(true);
  });

  it.each([
    ['nothing', 0, false],
    ['everything', 1, true],
    ['everything beyond', 7, true],
  ])('takes %s', (_name, share, is) => {
    expect(isSampled('ffffffff12', share)).toBe(is);
  });
});

describe('valueText', () => {
  it.each([
    [missing, 'missing'],
    [undefined, 'missing'],
    [number(-0), '-0'],
    [number(Number.NaN), 'NaN'],
    [number(0.1 + 0.2), '0.30000000000000004'],
    [text('a"b'), '"a\\"b"'],
  ])('of %j', (value, expected) => {
    expect(valueText(value)).toBe(expected);
  });
});
