import { describe, expect, it } from 'vitest';
import { ResourceErrors } from '../../errors.ts';
import { parseResources } from '../load.ts';
import { datasetCheckDefaults, type ModelSpec } from '../types.ts';
import { findResource } from '../wire.ts';

const text = (training: string, rest = ''): string => `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    late: { type: number, required: true }
    car: { type: string }
---
kind: Model
name: lateness
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  views: []
  inputs: [{ name: id, type: category, from: request.id }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt, window: 30d, timeHoldout: 10d${training} }
${rest}`;

const model = (training: string, rest?: string): ModelSpec =>
  findResource(parseResources([{ name: 'f.yaml', text: text(training, rest) }]), 'Model', 'lateness').spec;

function problems(training: string): string {
  try {
    model(training);
    return '';
  } catch (error) {
    if (error instanceof ResourceErrors) return error.message;
    throw error;
  }
}

describe('training.split', () => {
  it('is absent unless asked for, and has defaults', () => {
    expect(model('').training.split).toBeUndefined();
    expect(model(', split: { by: time, gap: 2d }').training.split).toEqual({
      ...{ by: 'time', validationPercent: 15, testPercent: 0, salt: 'split', gapMs: 172_800_000, strict: false },
    });
    expect(model(', split: { by: group, column: car }').training.split).toMatchObject({ by: 'group', column: 'car' });
    expect(problems(', split: { by: entity }')).toBe('');
  });

  it.each([
    ['a column for time', 'by: time, column: car', /hashes no column/],
    ['a test share for time', 'by: time, testPercent: 5', /the time holdout as its test/],
    ['strict for time', 'by: time, strict: true', /has no groups/],
    ['gaps that leave nothing', 'by: time, gap: 9d', /leave nothing to train on/],
    ['a gap for groups', 'by: group, column: car, gap: 1h', /no cut in time/],
    ['a group without a column', 'by: group', /needs a column/],
    ['a column that is not there', 'by: group, column: cra', /no field "cra"; did you mean "car"/],
    ['shares that leave nothing', 'by: entity, validationPercent: 50, testPercent: 45', /leave nothing to train on/],
    ['another way', 'by: random', /allowed: time, group, entity/],
  ])('%s is refused', (_name, split, message) => {
    expect(problems(`, split: { ${split} }`)).toMatch(message);
  });
});

describe('checks', () => {
  it('have the defaults of the schema', () => {
    expect(model('').checks).toBeUndefined();
    expect(model('', '  checks: {}').checks).toEqual(datasetCheckDefaults);
    expect(model('', '  checks: { targetLeak: warn, maxAuc: 0.9 }').checks).toEqual({
      ...{ ...datasetCheckDefaults, targetLeak: 'warn', maxAuc: 0.9 },
    });
  });
});
