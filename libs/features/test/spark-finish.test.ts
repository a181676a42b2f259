import { describe, expect, it } from 'vitest';

import {
  catalogOf,
  finishedInputs,
  isFinished,
  planFunctions,
  planLookup,
  sparkPointInTimeSql,
  type SparkInput,
} from '../src/index.ts';
import { everyAggregation, modelSpec, sensorSource, viewSpec } from './fixtures.ts';

const catalog = catalogOf([
  { kind: 'Source', name: 'sensors', revision: 1, spec: sensorSource },
  { kind: 'FeatureView', name: 'all', revision: 1, spec: viewSpec({ aggregations: everyAggregation }) },
  { kind: 'FeatureView', name: 'newest', revision: 1, spec: viewSpec({ columns: ['level', 'place'] }) },
]);
const plan = planLookup(
  modelSpec({
    request: [
      { name: 'sensor', type: 'string' },
      { name: 'size', type: 'number' },
    ],
    views: ['all', 'newest'].map((view) => ({ view, key: 'request.sensor' })),
    onDemand: [
      { name: 'ratio', type: 'number', cel: 'all.total_35 / request.size + all.total_35', description: '' },
      { name: 'where', type: 'string', cel: 'newest.place + ":" + string(request.size)', description: '' },
      { name: 'always', type: 'boolean', cel: '1 < 2', description: '' },
    ],
    inputs: [
      { name: 'level', type: 'number', from: 'newest.level' },
      { name: 'levels', type: 'category', from: 'all.last_levels_35' },
      ...['ratio', 'where', 'always'].map((name) => ({ name, type: 'number' as const, from: `onDemand.${name}` })),
    ],
  }),
  catalog,
);
const query = sparkPointInTimeSql(plan, {
  spine: 'rows',
  tables: new Map([['sensors', 'events']]),
  prefix: '',
  known: 'bitemporal',
});

// What comes out is tested beside a real Spark: services/feature-store/test/spark.conformance.test.ts.
describe('an answer of Spark', () => {
  it('holds what on-demand features take, each once, and not what they are', () => {
    const columns = [...query.sql.matchAll(/ AS (\S+?)[, ]/g)].map(([, name]) => name);
    expect(columns).toEqual(['`level`', '__status_0', '`levels`', '__status_1', '__take_0', '__take_1', '__take_2']);
    const takes = query.inputs.map((input) => (input.kind === 'onDemand' ? input.takes : input.kind));
    expect(takes).toEqual(['value', 'list', ['__take_0', '__take_1'], ['__take_2', '__take_1'], []]);
  });

  it('is finished after a journey as JSON by the functions of the plan itself', () => {
    const there = JSON.parse(JSON.stringify(query.inputs)) as SparkInput[];
    const { inputs, functions } = finishedInputs(there);
    const names = (of: readonly { readonly name: string }[]): string[] => of.map(({ name }) => name).sort();
    expect(names(functions)).toEqual(names(planFunctions(plan)));
    const [level, levels, ratio, where, always] = inputs;
    expect(level).toEqual({ name: 'level', value: '"level"', status: null });
    expect(levels).toMatchObject({ value: 'evl_list(CAST(to_json("levels") AS VARCHAR))', status: null });
    expect(ratio?.value).toMatch(/^evl_on_demand_\w+\(CAST\("__take_0" AS DOUBLE\), CAST\("__take_1" AS DOUBLE\)\)$/);
    expect(where?.value).toContain('(CAST("__take_2" AS VARCHAR), CAST("__take_1" AS DOUBLE))');
    expect(always?.value).toContain('(CAST(__row AS DOUBLE))');
    expect(ratio?.status).toBe(`CASE WHEN ${ratio?.value ?? ''} IS NULL THEN 2 ELSE 1 END`);
    const run = (index: number, values: readonly (number | string | null)[]) =>
      functions.find(({ name }) => inputs[index]?.value.startsWith(name))?.run(values);
    expect([run(2, [6, 4]), run(2, [6, 0]), run(2, [null, 4])]).toEqual([7.5, null, null]);
    expect([run(3, ['hall', 2]), run(4, []), run(1, ['[1.0,1e21,"\\u001F"]']), run(1, [null])]).toEqual([
      'hall:2',
      1,
      '[1,1e+21,"\\u001f"]',
      null,
    ]);
  });

  it('needs no finishing where it has only values', () => {
    expect(isFinished(query.inputs)).toBe(false);
    expect(isFinished(query.inputs.slice(0, 1))).toBe(true);
    expect(finishedInputs(query.inputs.slice(0, 1)).functions).toEqual([]);
  });

  it.each<[string, Partial<Extract<SparkInput, { kind: 'onDemand' }>>, RegExp]>([
    [
      'an unknown function',
      { definition: { type: 'number', cel: 'tomorrow(1)', types: {} } },
      /feature f of the job: .*tomorrow/,
    ],
    [
      'a reference without a type',
      { definition: { type: 'number', cel: 'a.b', types: {} } },
      /it has no type in the job/,
    ],
    ['a value too few', { takes: [] }, /it takes 1 values/],
  ])('with %s is refused', (_, part, message) => {
    const definition = { type: 'number', cel: 'a.b', types: { 'a.b': 'number' } } as const;
    const input: SparkInput = { kind: 'onDemand', name: 'x', feature: 'f', definition, takes: ['__take_0'], ...part };
    expect(() => finishedInputs([input])).toThrow(
      expect.objectContaining({ code: 'EVL_FEATURES_PLAN_INVALID', message: expect.stringMatching(message) as string }),
    );
  });
});
