import { describe, expect, it } from 'vitest';

import {
  backfillRowsSql,
  catalogOf,
  compileView,
  planLookup,
  sparkPointInTimeSql,
  type CompiledView,
  type LookupPlan,
} from '../src/index.ts';
import { aggregations, everyAggregation, modelSpec, sensorSource, viewSpec } from './fixtures.ts';

const views = {
  levels: viewSpec({
    aggregations: [...aggregations(50), ...aggregations(200).map((one) => ({ ...one, name: `${one.name}_long` }))],
  }),
  newest: viewSpec({ columns: ['level', 'place'] }),
};

function planOf(): LookupPlan {
  const catalog = catalogOf([
    { kind: 'Source', name: 'sensors', revision: 1, spec: sensorSource },
    { kind: 'FeatureView', name: 'levels', revision: 1, spec: views.levels },
    { kind: 'FeatureView', name: 'newest', revision: 1, spec: views.newest },
  ]);
  const model = modelSpec({
    request: [{ name: 'sensor', type: 'string' }],
    views: [
      { view: 'newest', key: 'request.sensor' },
      { view: 'levels', key: 'newest.place' },
    ],
    inputs: [
      { name: 'level', type: 'number', from: 'newest.level' },
      { name: 'mean', type: 'number', from: 'levels.average' },
      { name: 'sum', type: 'number', from: 'levels.total_long' },
    ],
  });
  return planLookup(model, catalog);
}

const tables = new Map([['sensors', 'odd `table`']]);

// What the queries answer is tested on a real Spark: services/feature-store/test/spark.conformance.test.ts.
describe('sparkPointInTimeSql', () => {
  const query = sparkPointInTimeSql(planOf(), { spine: 'rows', tables, prefix: 'q_', known: 'bitemporal' });

  it('makes its views in an order in which each reads only those before it', () => {
    const names = query.views.map(({ name }) => name);
    expect(names).toEqual(['q_k0', 'q_e0', 'q_n0', 'q_v0', 'q_k1', 'q_e1', 'q_n1', 'q_a1_0', 'q_a1_1', 'q_v1']);
    query.views.forEach(({ sql }, index) => {
      const read = [...sql.matchAll(/\b(q_[a-z0-9_]+)\b/g)].map(([, name]) => name ?? '');
      for (const name of read) expect(names.indexOf(name)).toBeLessThan(index);
    });
    expect(query.sql).toContain('FROM `rows` s LEFT JOIN q_v0 v0');
  });

  it('keeps what as many rows have as are looked up, and no events', () => {
    expect(query.views.filter(({ kept }) => kept).map(({ name }) => name)).toEqual(['q_v0', 'q_n1', 'q_v1']);
  });

  it('has a form for every function', () => {
    const ask = (name: string) => {
      const catalog = catalogOf([
        { kind: 'Source', name: 'sensors', revision: 1, spec: sensorSource },
        { kind: 'FeatureView', name: 'all', revision: 1, spec: viewSpec({ aggregations: everyAggregation }) },
      ]);
      const model = modelSpec({
        request: [{ name: 'sensor', type: 'string' }],
        views: [{ view: 'all', key: 'request.sensor' }],
        inputs: [{ name: 'x', type: 'number', from: `all.${name}` }],
      });
      return sparkPointInTimeSql(planLookup(model, catalog), { spine: 'rows', tables, prefix: '', known: 'latest' });
    };
    for (const { name, function: how } of everyAggregation) {
      const asked = ask(name);
      expect(asked.views.length, name).toBeGreaterThan(4);
      expect(asked.inputs, name).toEqual([{ kind: how === 'lastK' ? 'list' : 'value', name: 'x' }]);
    }
    expect(ask('last_places_90').views.at(-1)?.sql).toContain('coalesce(a0_0.f25, CAST(array() AS ARRAY<STRING>))');
  });

  it('quotes names, and leaves out early the events of entities that nobody asks for', () => {
    const [first, second] = ['q_e0', 'q_e1'].map((name) => query.views.find((view) => view.name === name)?.sql ?? '');
    expect(first).toContain('FROM `odd ``table``` r LEFT SEMI JOIN q_k0 k ON r.`sensor` = k.k0');
    expect(second).toContain('FROM `odd ``table``` r WHERE r.`sensor` IS NOT NULL');
  });

  it('takes the time from which an event counts from the policy', () => {
    const since = (known: 'bitemporal' | 'latest') =>
      /r\.(\w+) AS since/.exec(
        sparkPointInTimeSql(planOf(), { spine: 'rows', tables, prefix: '', known }).views[1]?.sql ?? '',
      )?.[1];
    expect([since('bitemporal'), since('latest')]).toEqual(['__known_ms', '__time_ms']);
  });

  it('says which table is missing', () => {
    const ask = () => sparkPointInTimeSql(planOf(), { spine: 'rows', tables: new Map(), prefix: '', known: 'latest' });
    expect(ask).toThrow(expect.objectContaining({ code: 'EVL_FEATURES_SOURCE_UNKNOWN' }));
  });
});

describe('backfillRowsSql', () => {
  const view: CompiledView = compileView('levels', views.levels, sensorSource);

  it('begins at the first boundary of the range, in both dialects', () => {
    const range = { fromMs: 11, untilMs: 45 };
    expect(backfillRowsSql('duckdb', view, 't', range)).toContain('unnest(range(20, 45, 10))');
    expect(backfillRowsSql('spark', view, 't', range)).toContain('explode(sequence(20, 44, 10))');
  });

  it.each([
    { name: 'no boundary in the range', view, range: { fromMs: 11, untilMs: 20 } },
    {
      name: 'no aggregations',
      view: compileView('newest', { ...views.newest, hopMs: 0 }, sensorSource),
      range: { fromMs: 0, untilMs: 100 },
    },
  ])('refuses $name', ({ view: given, range }) => {
    expect(() => backfillRowsSql('spark', given, 't', range)).toThrow(
      expect.objectContaining({ code: 'EVL_FEATURES_BACKFILL_INVALID' }),
    );
  });
});
