import { compileSlices, serving } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { slicesOf } from './slices.ts';

const slices = compileSlices({
  request: [
    { name: 'id', type: 'number' },
    { name: 'city', type: 'string' },
  ],
  joinKey: 'id',
  inputs: [{ name: 'late', type: 'number', from: 'view.late' }],
  slices: [
    { name: 'late', cel: 'input.late > 10' },
    { name: 'unknown', cel: 'input.late == null' },
    { name: 'north', cel: 'request.city == "oslo"' },
    { name: 'new', cel: 'request.id >= 100' },
  ],
});

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const text = (value: string): serving.FeatureValue => ({ kind: { $case: 'text', value } });
const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };

function inference(late: serving.FeatureValue, city: serving.FeatureValue, joinKey: string): serving.Inference {
  return serving.Inference.fromPartial({
    ...{ inputNames: ['x', 'late'], inputValues: [number(1), late] },
    ...{ requestNames: ['city'], requestValues: [city], joinKey },
  });
}

describe('slices of a prediction', () => {
  test.each([
    ['several', inference(number(11), text('oslo'), '100'), ['late', 'north', 'new']],
    ['none', inference(number(10), text('rome'), '99'), []],
    ['of a missing value', inference(missing, missing, '99'), ['unknown']],
    ['of a record without the fields', serving.Inference.fromPartial({ joinKey: '7' }), ['unknown']],
  ])('%s', (_, given, expected) => {
    expect(slicesOf(slices, given)).toEqual(expected);
  });
});
