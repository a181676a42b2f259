import { describe, expect, it } from 'vitest';
import { parseResources } from '../resources/load.ts';
import type { TypedResource } from '../resources/types.ts';
import { checkCompatibility } from './check.ts';

const good = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields:
    id: { type: string, required: true }
    at: { type: timestamp, required: true }
    late: { type: number, required: true, max: 600 }
    car: { type: string }
    note: { type: string }
---
kind: FeatureView
name: plan
spec: { source: trips, entity: id, columns: [car], ttl: 1h }
---
kind: FeatureView
name: delays
spec: { source: trips, entity: car, aggregations: [{ name: mean_late, function: mean, column: late, window: 1h }], ttl: 1h }
---
kind: Model
name: lateness
spec:
  request: [{ name: id, type: string }]
  joinKey: id
  examples: { source: trips, time: at }
  views: [{ view: plan, key: request.id }, { view: delays, key: plan.car }]
  inputs: [{ name: late, type: number, from: delays.mean_late }]
  label: { source: trips, key: id, field: late, above: 0, wait: 1d }
  training: { recipe: gbdt }
`;

const read = (text: string): TypedResource[] => parseResources([{ name: 'f.yaml', text }]);
const problems = (...changes: readonly (readonly [string, string])[]) => {
  let text = good;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, () => to);
  }
  return checkCompatibility(read(good), read(text));
};

describe('checkCompatibility', () => {
  it('names path, old and new, what breaks, and who reads it, through views too', () => {
    expect(problems(['max: 600', 'max: 300'])).toEqual({
      broken: [],
      violations: [
        'Source/trips: late: max 600 → 300 (breaks backward); read by FeatureView/delays, Model/lateness; compatibility is backward',
      ],
      waived: [],
    });
    expect(problems(['car: { type: string }', 'car: { type: string, maxLength: 9 }']).violations[0]).toMatch(
      /read by FeatureView\/delays, FeatureView\/plan, Model\/lateness/,
    );
    expect(problems(['note: { type: string }', 'note: { type: string, maxLength: 9 }']).violations).toEqual([
      'Source/trips: note: maxLength none → 9 (breaks backward); compatibility is backward',
    ]);
  });

  it('names feature services, and models through what they compute on demand', () => {
    const served = good
      .replace(
        'kind: Model',
        'kind: FeatureService\nname: late\nspec: { version: 1, features: [{ view: plan }, { view: delays }] }\n---\nkind: Model',
      )
      .replace('joinKey: id', 'joinKey: id\n  onDemand: [{ name: hours, type: number, cel: delays.mean_late / 60 }]')
      .replace('from: delays.mean_late', 'from: onDemand.hours');
    const { violations } = checkCompatibility(read(served), read(served.replace('max: 600', 'max: 300')));
    expect(violations[0]).toMatch(/read by FeatureService\/late@1, FeatureView\/delays, Model\/lateness;/);
  });

  it('what is loosened passes backward and not forward', () => {
    expect(problems(['max: 600', 'max: 900']).violations).toEqual([]);
    expect(
      problems(['max: 600', 'max: 900'], ['key: id', 'key: id\n  compatibility: forward']).violations,
    ).toHaveLength(1);
  });

  it('none lets it pass, and says what', () => {
    const { violations, waived } = problems(['max: 600', 'max: 300'], ['key: id', 'key: id\n  compatibility: none']);
    expect([violations, waived]).toEqual([
      [],
      ['Source/trips: late: max 600 → 300 (breaks backward); read by FeatureView/delays, Model/lateness'],
    ]);
  });

  it('another type of a column that is read is never let pass; of one that nobody reads it is', () => {
    const type = ['car: { type: string }', 'car: { type: boolean }'] as const;
    const none = ['key: id', 'key: id\n  compatibility: none'] as const;
    const entity = ['entity: car', 'entity: id'] as const;
    const binding = ['key: plan.car', 'key: request.id'] as const;
    const still = problems(type, none, entity, binding);
    expect(still.broken).toEqual([
      'Source/trips: car: type string → boolean (breaks backward and forward); read by FeatureView/delays, FeatureView/plan, Model/lateness; give the column another name, and move its readers first',
    ]);
    expect(problems(type, none, entity, binding, ['columns: [car]', 'columns: [note]']).broken).toEqual([]);
    expect(problems(['note: { type: string }', 'note: { type: boolean }'], none).broken).toEqual([]);
    expect(problems(['late: { type: number', 'late: { type: integer'], none).broken).toEqual([]);
  });

  it('new Sources and unchanged ones are no matter', () => {
    expect(checkCompatibility([], read(good))).toEqual({ broken: [], violations: [], waived: [] });
    expect(checkCompatibility(read(good), read(good))).toEqual({ broken: [], violations: [], waived: [] });
  });
});
