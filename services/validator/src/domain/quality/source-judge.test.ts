import fc from 'fast-check';
import { quality } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import {
  batchOf,
  changesOf,
  hourMs,
  judgeOf,
  record,
  reportsOf,
  rule,
  windowSpec,
} from '../../../test/quality-fixtures.ts';
import type { JudgedRecord } from './collect.ts';

const { PASS, FAIL, INSUFFICIENT } = quality.Verdict;

const everything = windowSpec([
  rule({ check: 'rows', min: 2, spike: 4 }),
  rule({ check: 'freshness', maxGapMs: hourMs }),
  rule({ check: 'missing', columns: ['x', 'c'], max: 0.5, spike: 3 }),
  rule({ check: 'unseen', columns: ['c'], max: 0.1, severity: 'warn' }),
  rule({ check: 'quantile', quantile: 0.5, columns: ['x'], spike: 5 }),
  rule({ check: 'minimum', columns: ['x'], min: -900 }),
  rule({ check: 'maximum', columns: ['x'], max: 900 }),
  rule({ check: 'duplicates', columns: ['id', 'c'], max: 0.2 }),
  rule({ check: 'quarantined', max: 0.4 }),
]);
const daily = windowSpec([rule({ check: 'missing', columns: ['x'], max: 0.3 })], {
  name: 'daily',
  everyMs: 24 * hourMs,
});

const records = fc.array(
  fc.record({
    at: fc.option(fc.integer({ min: 0, max: 40 * hourMs }), { freq: 12 }),
    x: fc.option(fc.integer({ min: -1_000, max: 1_000 }), { freq: 5 }),
    c: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { freq: 5 }),
    id: fc.integer({ min: 0, max: 30 }).map(String),
    isValid: fc.boolean(),
  }),
  { maxLength: 150 },
);

function judged(at: number | null, fields: Record<string, unknown>, isValid: boolean): JudgedRecord {
  return record(at, fields, isValid && at !== null);
}

/** Divides a log by the given lengths, again and again. */
function divided<T>(log: readonly T[], lengths: readonly number[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0, i = 0; from < log.length; i += 1) {
    const length = lengths[i % lengths.length] ?? 1;
    parts.push(log.slice(from, from + length));
    from += length;
  }
  return parts;
}

describe('SourceJudge', () => {
  it('gives the same reports however a log is divided into batches, and whichever partition is read first', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(records, records, lengths, lengths, (first, second, a, b) => {
        const windows = [everything, daily];
        const logs = [first, second].map((log) => log.map(({ at, isValid, ...fields }) => judged(at, fields, isValid)));
        const run = (order: readonly number[], sizes: readonly number[]) => {
          const judge = judgeOf(windows, { partitions: 2 });
          for (const partition of order)
            for (const part of divided(logs[partition] ?? [], sizes)) judge.take(batchOf(windows, part, partition));
          return judge.pass(48 * hourMs);
        };
        const whole = run([0, 1], [1_000]);
        expect(run([1, 0], a)).toEqual(whole);
        expect(run([0, 1], b)).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same reports however records with an event time are spread over partitions', () => {
    fc.assert(
      fc.property(records, fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 20 }), (log, places) => {
        const placed = log.flatMap(({ at, isValid, ...fields }) => (at === null ? [] : [judged(at, fields, isValid)]));
        const one = judgeOf([everything]);
        if (placed.length > 0) one.take(batchOf([everything], placed));
        const many = judgeOf([everything], { partitions: 3 });
        [2, 0, 1].forEach((partition) => {
          const part = placed.filter((_, i) => places[i % places.length] === partition);
          if (part.length > 0) many.take(batchOf([everything], part, partition));
        });
        expect(many.pass(48 * hourMs)).toEqual(one.pass(48 * hourMs));
      }),
    );
  });

  it('counts what has no event time where its partition stood, and keeps every value', () => {
    const spec = windowSpec([rule({ check: 'quarantined', max: 0.5 })]);
    const judge = judgeOf([spec]);
    judge.take(batchOf([spec], [record(null), record(10), record(null), record(hourMs + 5), record(null)]));
    judge.take(batchOf([spec], [record(null), record(20), record(null)]));
    const [first, second] = reportsOf(judge.pass(2 * hourMs));
    expect([first?.rows, first?.quarantined]).toEqual([4, 2]);
    expect([second?.rows, second?.quarantined]).toEqual([4, 3]);
    expect(second?.results[0]).toMatchObject({ value: 0.75, upper: 0.5, verdict: FAIL });
    expect(first?.results[0]).toMatchObject({ value: 0.5, verdict: PASS });
  });

  it('closes windows without a record: volume and freshness fail, shares say nothing', () => {
    const spec = windowSpec([
      rule({ check: 'rows', min: 1 }),
      rule({ check: 'freshness', maxGapMs: hourMs }),
      rule({ check: 'missing', columns: ['x'], max: 0.1 }),
    ]);
    const judge = judgeOf([spec]);
    const full = [1, 2, 3].map((i) => record(i * 1_000_000, { x: 1 }));
    judge.take(batchOf([spec], full));
    const [first, empty, after] = reportsOf(judge.pass(3 * hourMs));
    expect(first?.results.map(({ verdict }) => verdict)).toEqual([INSUFFICIENT, PASS, PASS]);
    expect(empty?.results.map(({ verdict }) => verdict)).toEqual([FAIL, FAIL, INSUFFICIENT]);
    expect(empty?.results[1]).toMatchObject({ value: (2 * hourMs - 3_000_000) / 1_000, upper: 3_600 });
    expect(after?.rows).toBe(0);
  });

  it('passes over a gap of thousands of windows after some of them', () => {
    const spec = windowSpec([rule({ check: 'rows', min: 1 })]);
    const judge = judgeOf([spec]);
    judge.take(batchOf([spec], [record(5), record(9_000 * hourMs + 1)]));
    const reports = reportsOf(judge.pass(9_001 * hourMs));
    expect(reports).toHaveLength(502);
    expect(reports.at(-1)).toMatchObject({ startMs: 9_000 * hourMs, rows: 1, verdict: PASS });
  });

  it('reports records that came too late with the next window', () => {
    const spec = windowSpec([rule({ check: 'rows', min: 0 })]);
    const judge = judgeOf([spec]);
    judge.take(batchOf([spec], [record(5)]));
    judge.pass(hourMs);
    judge.take(batchOf([spec], [record(6), record(7), record(hourMs)]));
    expect(judge.takeLateRows()).toBe(2);
    expect(reportsOf(judge.pass(2 * hourMs))[0]).toMatchObject({ rows: 1, lateRows: 2 });
  });
});

describe('a hold', () => {
  const spec = windowSpec([rule({ name: 'no_x', check: 'missing', columns: ['x'], max: 0.5, spike: 4 })]);
  const hour = (at: number, missing: number, rows = 20): JudgedRecord[] =>
    Array.from({ length: rows }, (_, i) => record(at * hourMs + i, i < missing ? {} : { x: 1 }));
  const fill = (judge: ReturnType<typeof judgeOf>, hours: readonly (readonly [at: number, missing: number])[]) => {
    for (const [at, missing] of hours) judge.take(batchOf([spec], hour(at, missing)));
    return judge.pass((Math.max(...hours.map(([at]) => at)) + 1) * hourMs);
  };

  it('opens with a breach, holds through good and bad, and closes back to the first of enough good windows', () => {
    const judge = judgeOf([spec]);
    const out = fill(judge, [
      [0, 0],
      [1, 1],
      [2, 0],
      [3, 15],
      [4, 0],
      [5, 18],
      [6, 1],
      [7, 0],
      [8, 0],
    ]);
    expect(changesOf(out)).toEqual(['none', 'none', 'none', 'open', 'kept', 'kept', 'kept', 'closed', 'none']);
    const changes = out.flatMap((each) => (each.kind === 'window' ? [each.closed.change] : []));
    expect(changes[3]).toMatchObject({ hold: { fromMs: 3 * hourMs, openedAtMs: 4 * hourMs, rules: ['no_x/x'] } });
    expect(changes[7]).toMatchObject({ untilMs: 6 * hourMs });
    expect(reportsOf(out)[3]?.results[0]?.detail).toMatch(
      /missing of x is 0.75, allowed: at most 0.\d+; trailing median 0/,
    );
  });

  it('sees a spike that fixed limits let pass, and does not get used to it', () => {
    const judge = judgeOf([spec]);
    const calm = [0, 1, 2, 3, 4].map((at) => [at, 0] as const);
    const sick = [5, 6, 7, 8, 9, 10, 11, 12].map((at) => [at, 9] as const);
    const out = fill(judge, [...calm, ...sick]);
    expect(changesOf(out).slice(5)).toEqual(['open', ...sick.slice(1).map(() => 'kept')]);
    expect(reportsOf(out).at(-1)?.results[0]).toMatchObject({ value: 0.45, baseline: 0, verdict: FAIL });
  });

  it('neither opens nor closes on too few rows', () => {
    const judge = judgeOf([spec]);
    judge.take(
      batchOf(
        [spec],
        [...hour(0, 0), ...hour(1, 20), ...hour(2, 2, 2), ...hour(3, 0), ...hour(4, 0, 2), ...hour(5, 0)],
      ),
    );
    const out = judge.pass(6 * hourMs);
    expect(changesOf(out)).toEqual(['none', 'open', 'kept', 'kept', 'kept', 'closed']);
    expect(out.at(-1)).toMatchObject({ closed: { change: { untilMs: 3 * hourMs } } });
  });

  it('is released by a person once; accepted values become the ones to look back on', () => {
    const breach = (accept: boolean) => {
      const judge = judgeOf([spec]);
      const out = fill(judge, [
        [0, 0],
        [1, 0],
        [2, 0],
        [3, 9],
        [4, 9],
        [5, 9],
        [6, 9],
      ]);
      const opened = out.find((each) => each.kind === 'window' && each.closed.change.kind === 'open');
      const id = opened?.kind === 'window' && opened.closed.change.kind === 'open' ? opened.closed.change.hold.id : '';
      const hold = quality.Hold.fromPartial({ id, source: 's' });
      const command = { id: 'c', hold, accept, reason: 'new app', by: 'kim' };
      const released = judge.release(command);
      expect(released).toMatchObject([{ kind: 'released', untilMs: 7 * hourMs, accept, hold: { fromMs: 3 * hourMs } }]);
      expect(judge.release(command)).toEqual([]);
      return changesOf(fill(judge, [[7, 9]]));
    };
    expect(breach(false)).toEqual(['open']);
    expect(breach(true)).toEqual(['none']);
  });

  it('that the log has forgotten is ended as the person saw it', () => {
    const judge = judgeOf([spec]);
    const hold = quality.Hold.fromPartial({
      id: 'old',
      source: 's',
      window: 'hourly',
      fromMs: 5,
      openedAtMs: 9,
      rules: ['r'],
    });
    const command = { id: 'c', hold, accept: false, reason: '', by: '' };
    expect(judge.release(command)).toMatchObject([{ kind: 'released', untilMs: 9, hold: { id: 'old', fromMs: 5 } }]);
    expect(judge.release(command)).toEqual([]);
    expect(judge.release({ ...command, hold: { ...hold, id: 'x', source: 'other' } })).toEqual([]);
  });

  it('ends when its windows are no longer defined, and is left alone by an older revision', () => {
    const judge = judgeOf([spec]);
    fill(judge, [
      [0, 0],
      [1, 20],
    ]);
    const definition = { source: 's', topic: 't', partitions: 1, allowedLatenessMs: 0 };
    expect(judge.define({ ...definition, revision: 0, windows: [] })).toEqual([]);
    expect(judge.define({ ...definition, revision: 2, windows: [] })).toMatchObject([
      { kind: 'released', by: 'everloop' },
    ]);
  });
});

describe('unseen values', () => {
  it('are compared with the trailing windows, or with a reference, and named', () => {
    const trailing = rule({ name: 'new_c', check: 'unseen', columns: ['c'], max: 0.2 });
    const fixed = rule({ name: 'known_c', check: 'unseen', columns: ['c'], max: 0, reference: ['a', 'b', 'z'] });
    const spec = windowSpec([trailing, fixed]);
    const judge = judgeOf([spec]);
    const values = ['aab', 'abb', 'bab', 'aza', 'qqa'];
    const log = values.flatMap((letters, at) => Array.from(letters).map((c, i) => record(at * hourMs + i, { c })));
    judge.take(batchOf([spec], log));
    const reports = reportsOf(judge.pass(5 * hourMs));
    expect(reports.map(({ results }) => results[0]?.verdict)).toEqual([
      INSUFFICIENT,
      INSUFFICIENT,
      INSUFFICIENT,
      FAIL,
      FAIL,
    ]);
    expect(reports.map(({ results }) => results[1]?.verdict)).toEqual([PASS, PASS, PASS, PASS, FAIL]);
    expect(reports[4]?.results[0]?.detail).toBe('unseen of c is 0.666667: "q", allowed: at most 0.2');
  });
});
