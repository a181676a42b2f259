import { drift, type MonitorSpec, type serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baselineMessage, day, dayOfRows, hour, hourOfRows, monitor, uniforms } from '../../test/fixtures.ts';
import { attributionReference, verdictReference } from '../columns/service-references.ts';
import { evaluateWindow, policyOf } from '../judge/evaluate.ts';
import { prepareBaseline, type Baseline } from '../panes/baseline.ts';
import { countPanes } from '../panes/pane-gatherer.ts';
import { withLearned } from './learned.ts';
import { createWindowState, restoreChange, takeChanges, takePane, type WindowState } from './state.ts';
import { closeWindows } from './windows.ts';

const { DRIFTED, STABLE, INSUFFICIENT } = drift.DriftVerdict;

function baselineOf(version: string): Baseline {
  const message = baselineMessage(version);
  return prepareBaseline({ ...message, fields: [...message.fields, verdictReference(), attributionReference('temp')] });
}

const versions = new Map(['1', '2', '3', '4', '5', '6'].map((version) => [version, baselineOf(version)]));

/** A share of the rows is flagged; of another one it is known what the temperature contributed. */
function served(
  rows: readonly serving.Inference[],
  seed: number,
  { flagged, explained = 0, shift = 0 }: { flagged: number; explained?: number; shift?: number },
): readonly serving.Inference[] {
  const next = uniforms(seed + 77);
  return rows.map((row) => {
    const [a, b, c] = [next(), next(), next()];
    const attributions = b < explained ? [(c - 0.5) / 10 + shift, 0] : [];
    return { ...row, verdict: a < flagged ? 'flag' : 'accept', attributions };
  });
}

const daily: Partial<MonitorSpec> = { windowMs: day, minRows: 500, raise: { windows: 1, of: 1 } };

function take(state: WindowState, rows: readonly serving.Inference[], spec: Partial<MonitorSpec>): void {
  for (const pane of countPanes(rows, (version) => versions.get(version) ?? null))
    takePane(state, [monitor(spec)], pane);
}

function close(state: WindowState, spec: Partial<MonitorSpec>, watermarkMs: number): readonly drift.DriftReport[] {
  return closeWindows(state, [monitor(spec)], watermarkMs).map((window) => {
    const baseline = versions.get(window.counts.baselineVersion);
    if (baseline === undefined) throw new Error('no version');
    return evaluateWindow(window, withLearned(state, window, baseline), policyOf(window.monitor.spec));
  });
}

const of = (report: drift.DriftReport | undefined, name: string): drift.FieldDrift | undefined =>
  report?.fields.find(({ field }) => field === name);

/** Days of 2,000 rows each with these shares of flagged ones. */
function days(shares: readonly number[], spec = daily): readonly drift.DriftReport[] {
  const state = createWindowState();
  return shares.flatMap((flagged, i) => {
    take(state, served(dayOfRows(i + 1, i * day, 2_000, 0), i, { flagged }), spec);
    return close(state, spec, (i + 1) * day);
  });
}

describe('what is learned in service', () => {
  test('a rate of flagged rows that jumps from 1 % to 10 % is drift of the verdict, and not before it is learned', () => {
    const reports = days([0.01, 0.01, 0.01, 0.01, 0.01, 0.1]);
    expect(reports.map((report) => of(report, 'gate.verdict')?.drifted)).toEqual([
      ...[undefined, undefined, undefined],
      ...[false, false, true],
    ]);
    expect(reports.map(({ verdict }) => verdict)).toEqual([STABLE, STABLE, STABLE, STABLE, STABLE, DRIFTED]);
    expect(reports[5]?.reason).toMatch(/^1 of 4 fields drifted from version 1: gate.verdict/);
  });

  test('the report says of each column what it was compared with', () => {
    const [, , , fourth] = days([0.01, 0.01, 0.01, 0.01]);
    expect(fourth?.fields.map(({ field, referenceOrigin }) => [field, referenceOrigin])).toEqual([
      ['temp', 'training'],
      ['carrier', 'training'],
      ['score', 'training'],
      ['gate.verdict', 'service'],
    ]);
  });

  test('without a change none of 100 windows finds one', () => {
    const reports = days(Array.from({ length: 103 }, () => 0.01));
    const judged = reports.flatMap((report) => of(report, 'gate.verdict') ?? []);
    expect([judged.length, judged.filter(({ drifted }) => drifted).length]).toEqual([100, 0]);
  });

  test('hours teach for a whole day; windows with too few rows teach nothing', () => {
    const spec = { ...daily, windowMs: hour, minRows: 100, carry: 0 };
    const state = createWindowState();
    const reports = Array.from({ length: 30 }, (_, i) => {
      take(state, served(hourOfRows(i + 1, i * hour, i === 5 ? 20 : 200, 0), i, { flagged: 0.01 }), spec);
      return close(state, spec, (i + 1) * hour);
    }).flat();
    expect(reports[5]?.verdict).toBe(INSUFFICIENT);
    const first = reports.findIndex((report) => of(report, 'gate.verdict') !== undefined);
    // 24 hours with enough rows, of which the sixth is none.
    expect(first).toBe(25);
  });

  test('windows that overlap teach one after the other, and are compared when none of their rows has taught', () => {
    const spec = { ...daily, windowMs: day, slideMs: 12 * hour };
    const state = createWindowState();
    for (let i = 0; i < 6; i += 1) take(state, served(dayOfRows(i + 1, i * day, 2_000, 0), i, { flagged: 0.01 }), spec);
    const reports = close(state, spec, 6 * day);
    const judged = reports.filter((report) => of(report, 'gate.verdict') !== undefined);
    // The first window, of which only half has rows, ends at noon: it, and the two days after it have taught.
    expect(judged.map(({ windowStartMs }) => windowStartMs / hour)).toEqual([60, 72, 84, 96, 108, 120]);
  });

  test('explanations of a share of the rows teach as long as it takes until there are enough', () => {
    const spec = { ...daily, minRows: 500, fields: ['attribution'] };
    const state = createWindowState();
    const reports = Array.from({ length: 8 }, (_, i) => {
      const explained = { flagged: 0, explained: 0.05, shift: i === 7 ? 0.03 : 0 };
      take(state, served(dayOfRows(i + 1, i * day, 2_000, 0), i, explained), spec);
      return close(state, spec, (i + 1) * day);
    }).flat();
    const drifted = reports.map((report) => of(report, 'attribution.temp')?.drifted);
    // About 100 a day: 500 are there after five or six days.
    expect(drifted.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => undefined));
    expect(drifted[7]).toBe(true);
  });
});

describe('versions', () => {
  const state = createWindowState();
  const reports = ['1', '2', '1', '3', '4', '5', '6'].map((champion, v) =>
    [0, 1, 2, 3].flatMap((d) => {
      const startMs = (v * 4 + d) * day;
      take(state, served(dayOfRows(d + 1, startMs, 600, 0, champion), d, { flagged: 0.01 }), daily);
      return close(state, daily, startMs + day);
    }),
  );
  const judged = reports.map((own) => own.filter((report) => of(report, 'gate.verdict') !== undefined).length);

  test('each learns its own; one that comes back has what it has learned', () => {
    expect(judged).toEqual([1, 1, 4, 1, 1, 1, 1]);
  });

  test('a Monitor keeps those of the newest four', () => {
    expect([...state.learned.keys()]).toEqual(['3', '4', '5', '6'].map((version) => `watch/m/${version}`));
  });
});

describe('whatever the partitions, batches and restarts', () => {
  const all = [0.01, 0.01, 0.02, 0.01, 0.1, 0.01].map((flagged, i) =>
    served(dayOfRows(i + 1, i * day, 600, 0), i, { flagged, explained: 0.5 }),
  );
  const undisturbed = createWindowState();
  const expected = all.flatMap((rows, i) => {
    take(undisturbed, rows, daily);
    return close(undisturbed, daily, (i + 1) * day);
  });

  test('the reports are the same', () => {
    expect(expected.map(({ verdict }) => verdict)).toContain(DRIFTED);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 40, max: 400 }),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        (partitions, batch, cuts) => {
          let state = createWindowState();
          const log = new Map<string, Uint8Array>();
          const reports = all.flatMap((rows, i) => {
            for (let p = partitions - 1; p >= 0; p -= 1) {
              const own = rows.filter((_, n) => (n * 7) % partitions === p);
              for (let from = 0; from < own.length; from += batch) take(state, own.slice(from, from + batch), daily);
            }
            const closed = close(state, daily, (i + 1) * day);
            for (const { key, value } of takeChanges(state)) {
              if (value === null) log.delete(key);
              else log.set(key, value);
            }
            if (cuts[i] === true) {
              state = createWindowState();
              for (const [key, value] of log) restoreChange(state, key, value);
            }
            return closed;
          });
          expect(reports).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });
});
