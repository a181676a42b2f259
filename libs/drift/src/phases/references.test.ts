import { drift, type MonitorSpec } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { day, hour, monitor } from '../../test/fixtures.ts';
import { baselineOf, simulatedPanes } from '../../test/simulated.ts';
import { evaluateWindow, policyOf } from '../judge/evaluate.ts';
import { addPane, emptyPane } from '../panes/counts.ts';
import type { DueWindow } from '../windows/windows.ts';
import { historyProblem, phaseReferences, referenceFor, type PhaseReferences, type Reference } from './references.ts';

const { DRIFTED, STABLE, INSUFFICIENT } = drift.DriftVerdict;
const seasonal = (h: number): number => (h % 24 < 12 ? 0.35 : 0.65);
const panes = simulatedPanes({ hours: 20 * 24, rows: 100, seed: 1, low: seasonal });
const baseline = baselineOf(panes);

/** Windows of two further days, as the detector closes them. */
function windowsOf(hours: number, spec: Partial<MonitorSpec>, low = seasonal): readonly DueWindow[] {
  const later = simulatedPanes({ hours: 48, rows: 100, seed: 2, low });
  return Array.from({ length: 48 / hours }, (_, i) => {
    const [startMs, endMs] = [i * hours * hour, (i + 1) * hours * hour];
    const counts = emptyPane('m', '1', startMs, endMs - startMs);
    for (const pane of later.slice(i * hours, (i + 1) * hours)) addPane(counts, pane);
    const of = monitor({ windowMs: hours * hour, minRows: 100, ...spec });
    return { monitor: of, startMs, endMs, counts, carried: 0, lateRows: 0, watermarkMs: endMs };
  });
}

function judged(window: DueWindow, reference: Reference): drift.DriftReport {
  return evaluateWindow(window, reference, policyOf(window.monitor.spec));
}

const verdicts = (phase: 'none' | 'hour', hours: number, low = seasonal): readonly drift.DriftVerdict[] => {
  const references = phaseReferences(baseline, phase, panes);
  return windowsOf(hours, {}, low).map((window) => judged(window, referenceFor(references, window)).verdict);
};

describe('a daily season in windows of six hours', () => {
  test('is drift from all rows, and none from those of the same hours', () => {
    expect(new Set(verdicts('none', 6))).toEqual(new Set([DRIFTED]));
    expect(new Set(verdicts('hour', 6))).toEqual(new Set([STABLE]));
  });

  test('hides no shift: one of the size of the season is found in every window', () => {
    expect(new Set(verdicts('hour', 6, (h) => seasonal(h) + 0.3))).toEqual(new Set([DRIFTED]));
    expect(new Set(verdicts('hour', 6, (h) => seasonal(h + 12)))).toEqual(new Set([DRIFTED]));
  });
});

describe('a reference', () => {
  const by = (phase: PhaseReferences['phase'], of: readonly drift.Pane[] | null = panes): PhaseReferences =>
    phaseReferences(baseline, phase, of);

  test('is the rows of its hours or days, and the report says which and how many', () => {
    const [, second] = windowsOf(6, {});
    if (second === undefined) throw new Error('no window');
    expect(judged(second, referenceFor(by('hour'), second))).toMatchObject({
      ...{ referencePhase: 'hours 6-11', referenceRows: 20 * 6 * 100, verdict: STABLE },
    });
    const shifted = windowsOf(6, {}, () => 0.9)[1] ?? second;
    expect(judged(shifted, referenceFor(by('hour'), shifted)).reason).toMatch(
      /^10 of 10 fields drifted from version 1, hours 6-11: f\d/,
    );
    // Of the twenty days the third, the tenth and the seventeenth.
    const saturday = { startMs: 2 * day, endMs: 3 * day };
    expect(referenceFor(by('weekday'), saturday)).toMatchObject({ phase: 'weekday Saturday', rows: 3 * 24 * 100 });
  });

  test('of every hour is the baseline itself, also without a history', () => {
    const span = { startMs: 0, endMs: day };
    expect(referenceFor(by('hour'), span)).toBe(baseline);
    expect(referenceFor(by('hour', null), span)).toBe(baseline);
    expect(referenceFor(by('none', null), { startMs: 0, endMs: hour })).toBe(baseline);
  });

  test('of all hours together has each training row once', () => {
    const references = by('hour');
    const sum = Array.from({ length: 24 }, (_, h) => {
      const one = referenceFor(references, { startMs: h * hour, endMs: (h + 1) * hour });
      return 'lack' in one ? [] : (one.fields[0]?.reference.counts ?? []);
    }).reduce((all, counts) => counts.map((count, bin) => count + (all[bin] ?? 0)), []);
    expect(sum).toEqual(baseline.fields[0]?.reference.counts);
  });

  test('is made once, and of those that were made some are kept', () => {
    const references = by('hour');
    const at = (h: number): unknown => referenceFor(references, { startMs: h * hour, endMs: (h + 2) * hour });
    expect(at(1)).toBe(at(25));
    for (let h = 0; h < 24; h += 1) {
      at(h);
      referenceFor(references, { startMs: h * hour, endMs: (h + 1) * hour });
    }
    expect(references.made.size).toBe(24);
  });
});

describe('no reference', () => {
  const [window] = windowsOf(6, {});
  if (window === undefined) throw new Error('no window');
  const byDay = panes.map((pane) => ({ ...pane, widthMs: day }));

  test.each<[string, readonly drift.Pane[] | null, string]>([
    ['no history', null, 'version 1 has no history of its training rows, so no reference of hours 0-5'],
    ['a history of days', byDay, 'the history of version 1 is by day, not by hour, so no reference of hours 0-5'],
    [
      'a history without these hours',
      panes.slice(6, 10),
      'insufficient reference: version 1 was trained on 0 rows of hours 0-5, at least 100 are needed',
    ],
  ])('%s: the window is not judged, and says why', (_, of, reason) => {
    const report = judged(window, referenceFor(phaseReferences(baseline, 'hour', of), window));
    expect(report).toMatchObject({
      ...{ verdict: INSUFFICIENT, reason, fields: [], referencePhase: 'hours 0-5', referenceRows: 0 },
    });
  });
});

describe('a history', () => {
  const [first] = panes;
  const own = first?.fields[0];
  if (first === undefined || own === undefined) throw new Error('no pane');
  const withField = (field: Partial<drift.FieldCounts>): readonly drift.Pane[] => [
    { ...first, fields: [{ ...own, ...field }] },
  ];
  test.each<[string, readonly drift.Pane[], string | null]>([
    ['that fits', panes, null],
    ['of a column that the baseline has not', withField({ field: 'x' }), 'field x is not in the baseline'],
    ['with a bin too many', withField({ bins: [20], counts: [1] }), 'field f0 has a bin that is none of its 20'],
    ['with a bin below 0', withField({ bins: [-1], counts: [1] }), 'field f0 has a bin that is none of its 20'],
    ['with counts of nothing', withField({ bins: [1], counts: [1, 2] }), 'field f0 has 2 counts for 1 bins'],
    ['with negative counts', withField({ bins: [1], counts: [-2] }), 'field f0 has a count below 0'],
    ['with negative rows', withField({ missing: -1 }), 'field f0 has a count below 0'],
  ])('%s', (_, of, problem) => {
    expect(historyProblem(baseline, of)).toBe(problem);
  });
});
