import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compileView, readView, type CompiledView } from '../src/index.ts';
import { aggregations, materialise, sensorSource, viewSpec, type LogRecord } from './fixtures.ts';

const aggregated = compileView('level', viewSpec({ aggregations: [...aggregations(35)] }), sensorSource);
const newest = compileView('latest', viewSpec({ columns: ['level', 'place'] }), sensorSource);

const drafts = fc.array(
  fc.record({
    partition: fc.nat({ max: 2 }),
    at: fc.integer({ min: -200, max: 400 }),
    level: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true })),
    place: fc.option(fc.string()),
  }),
  { minLength: 1, maxLength: 40 },
);

/** Offsets in order of arrival, per partition. */
function arrive(records: readonly Omit<LogRecord, 'offset' | 'sensor'>[]): LogRecord[] {
  const next = [0, 0, 0];
  return records.map((record) => {
    const offset = next[record.partition] ?? 0;
    next[record.partition] = offset + 1;
    return { ...record, offset, sensor: 's' };
  });
}

function naiveAggregates(view: CompiledView, records: readonly LogRecord[], asOfMs: number): unknown[] | null {
  const past = records.filter((record) => record.at <= asOfMs);
  if (past.length === 0) return null;
  const from = Math.floor((asOfMs - 35) / view.hopMs) * view.hopMs;
  const window = past.filter((record) => record.at >= from);
  const levels = window.flatMap((record) => record.level ?? []);
  const micros = levels.reduce((sum, level) => sum + BigInt(Math.floor(level * 1e6 + 0.5)), 0n);
  const total = Number(micros) / 1e6;
  return [window.length, levels.length, total, levels.length === 0 ? null : total / levels.length];
}

describe('aggregate rows', () => {
  it('equal a recomputation from all events, in any order, batching and split over partitions', () => {
    fc.assert(
      fc.property(drafts, fc.integer({ min: 1, max: 9 }), fc.integer({ min: -60, max: 300 }), (draft, batch, after) => {
        const records = arrive(draft);
        const asOfMs = Math.max(...records.map((record) => record.at)) + after;
        const reading = readView(aggregated, materialise(aggregated, records, 's', batch), asOfMs, [0, 1, 2, 3]);
        const expected = naiveAggregates(aggregated, records, asOfMs);
        expect(reading.found ? reading.values : null).toEqual(expected);
        const past = records.filter((record) => record.at <= asOfMs).map((record) => record.at);
        if (reading.found) expect(reading.newestMs).toBe(Math.max(...past));
      }),
      { numRuns: 500 },
    );
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
    expect(materialise(aggregated, records, 's', 50)[0]?.length).toBeLessThan(2_000);
  });

  it('are not read as rows of another definition', () => {
    const other = compileView('level', viewSpec({ aggregations: aggregations(45) }), sensorSource);
    const rows = materialise(aggregated, arrive([{ partition: 0, at: 1, level: 1, place: null }]), 's', 1);
    expect(readView(other, rows, 1, [0])).toEqual({ found: false });
  });
});

describe('column rows', () => {
  it('give the newest values as of a moment, ties by partition, then offset', () => {
    fc.assert(
      fc.property(drafts, fc.integer({ min: 1, max: 9 }), fc.integer({ min: -60, max: 300 }), (draft, batch, after) => {
        const records = arrive(draft);
        const asOfMs = Math.max(...records.map((record) => record.at)) + after;
        const reading = readView(newest, materialise(newest, records, 's', batch), asOfMs, [0, 1]);
        const [best] = records
          .filter((record) => record.at <= asOfMs)
          .sort((a, b) => b.at - a.at || b.partition - a.partition || b.offset - a.offset);
        expect(reading).toEqual(
          best === undefined ? { found: false } : { found: true, newestMs: best.at, values: [best.level, best.place] },
        );
      }),
      { numRuns: 500 },
    );
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
  expect(() => compileView('x', viewSpec({ aggregations: text }), sensorSource)).toThrow(/text and cannot be summed/);
});
