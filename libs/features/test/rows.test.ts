import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compileView, readView } from '../src/index.ts';
import { aggregations, everyAggregation, materialise, sensorSource, viewSpec, type LogRecord } from './fixtures.ts';
import { knownOf, naiveAggregation, newestFirst } from './naive.ts';

const aggregated = compileView('level', viewSpec({ aggregations: aggregations(35) }), sensorSource);
const every = compileView('every', viewSpec({ aggregations: everyAggregation }), sensorSource);
const newest = compileView('latest', viewSpec({ columns: ['level', 'place'] }), sensorSource);
const all = everyAggregation.map((_, index) => index);

const drafts = fc.array(
  fc.record({
    partition: fc.nat({ max: 2 }),
    at: fc.integer({ min: -200, max: 400 }),
    // Most become known at once, some a little later, some long after every window that could hold them.
    lag: fc.oneof(fc.constant(0), fc.constant(0), fc.nat({ max: 15 }), fc.nat({ max: 300 })),
    level: fc.option(
      fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: -3, max: 3 }), fc.constant(8e9)),
    ),
    place: fc.option(fc.oneof(fc.string(), fc.constantFrom('a', 'b', 'ü'))),
  }),
  { minLength: 1, maxLength: 40 },
);

type Draft = Omit<LogRecord, 'offset' | 'sensor'> & { readonly lag?: number };

/** Offsets in order of arrival, per partition. */
function arrive(records: readonly Draft[]): LogRecord[] {
  const next = [0, 0, 0];
  return records.map((record) => {
    const offset = next[record.partition] ?? 0;
    next[record.partition] = offset + 1;
    // -0 is stored as 0.
    const level = record.level === null ? null : record.level + 0;
    return { ...record, level, known: record.at + (record.lag ?? 0), offset, sensor: 's' };
  });
}

function newestKnown(records: readonly LogRecord[]): number {
  return Math.max(...records.map(knownOf));
}

const moments = fc.integer({ min: -60, max: 300 });
const batches = fc.integer({ min: 1, max: 9 });

describe('aggregate rows', () => {
  it('equal a recomputation from all events, late ones too, in any order, batching and split over partitions', () => {
    fc.assert(
      fc.property(drafts, batches, moments, (draft, batch, after) => {
        const records = arrive(draft);
        const asOfMs = newestKnown(records) + after;
        const reading = readView(every, materialise(every, records, 's', batch), asOfMs, all);
        const past = records.filter((record) => knownOf(record) <= asOfMs).map((record) => record.at);
        expect(reading.found).toBe(past.length > 0);
        if (!reading.found) return;
        expect(reading.newestMs).toBe(Math.max(...past));
        everyAggregation.forEach((feature, index) => {
          const { exact, near } = naiveAggregation(feature, every.hopMs, records, asOfMs);
          const value = reading.values[index];
          if (near === undefined) expect([feature.name, value]).toEqual([feature.name, exact]);
          else expect(Math.abs(Number(value) - near.value), feature.name).toBeLessThanOrEqual(near.within);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('are the same bytes for the same events of a partition in any order of arrival', () => {
    const shuffled = drafts.chain((draft) =>
      fc.tuple(fc.constant(draft), fc.shuffledSubarray(draft, { minLength: draft.length })),
    );
    fc.assert(
      fc.property(shuffled, batches, moments, ([draft, other], batch, after) => {
        // Offsets decide ties, so no two events are tied.
        const distinct = (records: readonly Draft[]): Draft[] => [
          ...new Map(records.map((record) => [record.at, { ...record, partition: 0 }])).values(),
        ];
        const kept = new Set(distinct(draft));
        const [one, two] = [
          arrive([...kept]),
          arrive(
            distinct(
              [...kept].toSorted(
                (a, b) => other.findIndex((o) => o.at === a.at) - other.findIndex((o) => o.at === b.at),
              ),
            ),
          ),
        ];
        const asOfMs = newestKnown(one) + after;
        for (const view of [every, newest]) {
          const wanted = view === every ? all : [0, 1];
          const readings = [one, two].map((records) =>
            readView(view, materialise(view, records, 's', batch), asOfMs, wanted),
          );
          expect(readings[1]).toEqual(readings[0]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('correct what was read before when an event comes late, from when it is known on', () => {
    const records = arrive([
      { partition: 0, at: 10, level: 1, place: null },
      { partition: 0, at: 50, level: 2, place: null },
      { partition: 0, at: 12, lag: 42, level: 4, place: null },
    ]);
    const rows = materialise(aggregated, records, 's', 1);
    const total = (asOfMs: number) => readView(aggregated, rows, asOfMs, [2]);
    expect([total(53), total(54), total(80)]).toMatchObject([
      { values: [undefined, undefined, 3, undefined] },
      { values: [undefined, undefined, 7, undefined] },
      { values: [undefined, undefined, 2, undefined] },
    ]);
  });

  it('say nothing rather than something wrong when asked further back than rows go', () => {
    const records = arrive([
      { partition: 0, at: 0, level: 1, place: null },
      { partition: 0, at: 500, level: 2, place: null },
    ]);
    expect(readView(aggregated, materialise(aggregated, records, 's', 1), 300, [0])).toEqual({ found: false });
  });

  it('drop offsets that they hold already', () => {
    const records = arrive([
      { partition: 0, at: 10, level: 1, place: null },
      { partition: 0, at: 12, level: 2, place: null },
    ]);
    const twice = materialise(aggregated, [...records, ...records], 's', 1);
    expect(readView(aggregated, twice, 20, [0, 2])).toMatchObject({ values: [2, undefined, 3, undefined] });
  });

  it('stay small: what no read can ask for is gone', () => {
    const records = arrive(Array.from({ length: 5_000 }, (_, at) => ({ partition: 0, at, level: 1, place: null })));
    expect(materialise(aggregated, records, 's', 50)[0]?.length).toBeLessThan(3_000);
  });

  it('are not read as rows of another definition', () => {
    const other = compileView('level', viewSpec({ aggregations: aggregations(45) }), sensorSource);
    const rows = materialise(aggregated, arrive([{ partition: 0, at: 1, level: 1, place: null }]), 's', 1);
    expect(readView(other, rows, 1, [0])).toEqual({ found: false });
  });
});

describe('column rows', () => {
  it('give the newest known values as of a moment, ties by known, partition, offset', () => {
    fc.assert(
      fc.property(drafts, batches, moments, (draft, batch, after) => {
        const records = arrive(draft);
        const asOfMs = newestKnown(records) + after;
        const reading = readView(newest, materialise(newest, records, 's', batch), asOfMs, [0, 1]);
        const [best] = records.filter((record) => knownOf(record) <= asOfMs).sort(newestFirst);
        expect(reading).toEqual(
          best === undefined ? { found: false } : { found: true, newestMs: best.at, values: [best.level, best.place] },
        );
      }),
      { numRuns: 500 },
    );
  });

  it('say nothing rather than something wrong when asked further back than rows go', () => {
    const records = arrive([
      { partition: 0, at: 0, level: 1, place: null },
      { partition: 1, at: 5, level: 2, place: null },
      { partition: 0, at: 500, level: 3, place: null },
    ]);
    expect(readView(newest, materialise(newest, records, 's', 1), 300, [0])).toEqual({ found: false });
  });

  it('keep the newest version before the kept past, for reads of entities that rest', () => {
    const records = arrive([
      { partition: 0, at: 0, level: 1, place: 'a' },
      { partition: 0, at: 5, level: 2, place: 'b' },
      { partition: 0, at: 900, level: 3, place: 'c' },
    ]);
    expect(readView(newest, materialise(newest, records, 's', 1), 850, [1])).toEqual({
      found: true,
      newestMs: 5,
      values: [undefined, 'b'],
    });
  });
});

it('rejects a definition that does not fit its source, naming what is there', () => {
  expect(() => compileView('x', viewSpec({ columns: ['levle'] }), sensorSource)).toThrow(
    /no field "levle"; it has .*level/,
  );
  const text = [{ name: 'bad', function: 'sum' as const, column: 'place', windowMs: 1 }];
  expect(() => compileView('x', viewSpec({ aggregations: text }), sensorSource)).toThrow(/is text and has no sum/);
});
