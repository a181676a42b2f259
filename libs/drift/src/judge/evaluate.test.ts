import { drift, type MonitorSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseline, baselineMessage, day, dayOfRows, monitor } from '../../test/fixtures.ts';
import { prepareBaseline, type Baseline } from '../panes/baseline.ts';
import { addPane } from '../panes/counts.ts';
import { countPanes } from '../panes/pane-gatherer.ts';
import type { DueWindow } from '../windows/windows.ts';
import { evaluateWindow, policyOf } from './evaluate.ts';

const { DRIFTED, STABLE, INSUFFICIENT } = drift.DriftVerdict;
const reference = baseline();

function windowOf(shift: number, spec: Partial<MonitorSpec> = {}, rows = 2_000, seed = 1): DueWindow {
  const [counts, ...rest] = countPanes(dayOfRows(seed, 0, rows, shift), () => reference);
  if (counts === undefined) throw new Error('no rows');
  for (const pane of rest) addPane(counts, pane);
  const of = monitor({ windowMs: day, ...spec });
  return { monitor: of, startMs: 0, endMs: day, counts, carried: 2, lateRows: 3, watermarkMs: day + 5 };
}

function evaluated(window: DueWindow, by: Baseline | null = reference): drift.DriftReport {
  return evaluateWindow(window, by, policyOf(window.monitor.spec));
}

/** Units of 50 rows each. */
function clustered(window: DueWindow): DueWindow {
  const counts = Array.from({ length: window.counts.rows / 50 }, () => 50);
  const units = { hashes: counts.map((_, i) => i), counts, incomplete: false };
  return { ...window, counts: { ...window.counts, units } };
}

describe('a report', () => {
  test('has every number of the window and of how it was judged', () => {
    const report = evaluated(windowOf(0.4));
    expect(report).toMatchObject({
      model: 'm',
      baselineVersion: '1',
      windowStartMs: 0,
      windowEndMs: day,
      rows: 2_000,
      predictions: 2_000,
      monitor: 'watch',
      monitorRevision: 1,
      carried: 2,
      lateRows: 3,
      watermarkMs: day + 5,
      referenceRows: 5_000,
      verdict: DRIFTED,
      policy: { significance: 0.01, psi: 0.1, minDriftedFields: 1, raiseWindows: 1, raiseOf: 1, planId: '' },
    });
    const [temp, carrier] = report.fields;
    expect(temp).toMatchObject({ field: 'temp', drifted: true, test: 'ks', effectiveRows: 2_000 });
    expect(temp?.jensenShannon).toBeGreaterThan(0.2);
    expect(temp?.qValue).toBeGreaterThanOrEqual(temp?.pValue ?? 2);
    expect(carrier).toMatchObject({ field: 'carrier', drifted: false, test: 'chi-square', ksStatistic: undefined });
    expect(report.score).toBeCloseTo(
      report.fields.reduce((sum, { scorePart }) => sum + scorePart, 0),
      12,
    );
  });

  test('names the version whose training it is compared with, which a baseline does not know', () => {
    const nameless = { ...reference, version: '' };
    expect(evaluated(windowOf(0.4), nameless).reason).toMatch(/drifted from version 1: temp/);
  });

  test('comes through JSON unchanged, and is the same for the same window', () => {
    const report = evaluated(windowOf(0.4));
    expect(drift.DriftReport.fromJSON(JSON.parse(JSON.stringify(drift.DriftReport.toJSON(report))))).toEqual(report);
    expect(evaluated(windowOf(0.4))).toEqual(report);
  });

  test('does not depend on the order of the columns that were counted', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (order) => {
        const window = windowOf(0.2);
        const fields = order.flatMap((i) => window.counts.fields[i] ?? []);
        expect(evaluated({ ...window, counts: { ...window.counts, fields } })).toEqual(evaluated(window));
      }),
      { numRuns: 6 },
    );
  });

  test.each([
    ['too few rows', windowOf(0.4, {}, 100), reference, 'insufficient rows: 100 of at least 500'],
    ['no baseline', windowOf(0.4), null, 'version 1 has no baseline'],
  ])('insufficient: %s', (_, window, by, reason) => {
    expect(evaluated(window, by)).toMatchObject({ verdict: INSUFFICIENT, reason, fields: [], score: 0 });
  });
});

describe('what makes a window drifted', () => {
  test.each<[string, number, Partial<MonitorSpec>, drift.DriftVerdict]>([
    ['enough fields', 0.4, {}, DRIFTED],
    ['too few fields', 0.4, { minDriftedFields: 2 }, STABLE],
    ['the score', 0.4, { minDriftedFields: 2, score: 0.1 }, DRIFTED],
    ['a score below its limit', 0.4, { minDriftedFields: 2, score: 5 }, STABLE],
    ['a field so large that it is urgent', 0.4, { minDriftedFields: 2, urgentPsi: 0.5 }, DRIFTED],
    ['a field whose own floor is lower', 0.07, { thresholds: [{ field: 'temp', psi: 0.01 }] }, DRIFTED],
    ['the same field without', 0.07, { psi: 3 }, STABLE],
    ['a field whose own floor is higher', 0.4, { thresholds: [{ field: 'temp', psi: 9 }] }, STABLE],
    ['a field with a stricter level', 0.07, { psi: 0, thresholds: [{ field: 'temp', significance: 1e-300 }] }, STABLE],
  ])('%s', (_, shift, spec, verdict) => {
    expect(evaluated(windowOf(shift, spec)).verdict).toBe(verdict);
  });

  test('urgent is said', () => {
    const report = evaluated(windowOf(0.4, { urgentPsi: 0.5 }));
    expect([report.urgent, report.reason.startsWith('urgent: ')]).toEqual([true, true]);
    expect(evaluated(windowOf(0.4)).urgent).toBe(false);
  });

  test('more missing values than a field may have, whatever its tests say', () => {
    const window = windowOf(0, { thresholds: [{ field: 'carrier', missingRatio: 0.005 }] });
    const [, carrier] = window.counts.fields;
    if (carrier === undefined) throw new Error('no field');
    carrier.missing = 20;
    const report = evaluated(window);
    expect(report.verdict).toBe(DRIFTED);
    expect(report.fields[1]).toMatchObject({ field: 'carrier', drifted: true, test: 'missing' });
  });
});

describe('weights', () => {
  test('rows of few units count for less where the column is alike within them', () => {
    const message = baselineMessage('1');
    for (const field of message.fields) field.intraclass = field.field === 'temp' ? 0.5 : 0;
    const report = evaluated(clustered(windowOf(0.1)), prepareBaseline(message));
    expect(report.units).toBe(40);
    expect(report.fields.map(({ effectiveRows }) => effectiveRows)).toEqual([2_000 / 25.5, 2_000, 2_000]);
    expect(report.verdict).toBe(STABLE);
    expect(evaluated(windowOf(0.1)).fields[0]?.pValue).toBeLessThan((report.fields[0]?.pValue ?? 0) / 1e6);
  });

  test.each<[string, number, boolean, number, number]>([
    ['all of them are kept', 400, false, 400, 0],
    ['the smallest hashes of more are kept', 400, true, 2_000, 200],
    ['a unit of its own for each row', 1_900, true, 2_000, 0],
  ])('units are told where %s', (_, kept, incomplete, expected, tolerance) => {
    const window = windowOf(0.1);
    // Hashes of 2,000 units lie evenly over all 2^32; of 1,900 kept ones the estimate is beyond the rows.
    const places = kept === 400 ? 2_000 : 2_100;
    const hashes = Array.from({ length: kept }, (__, i) => Math.floor(((i + 1) * 2 ** 32) / places));
    const units = { hashes, counts: hashes.map(() => 1), incomplete };
    const report = evaluated({ ...window, counts: { ...window.counts, units } });
    expect(Math.abs(report.units - expected)).toBeLessThanOrEqual(tolerance);
  });

  test.each([
    ['the unit that the Monitor counts', 'carrier', 'carrier', 2_000 / 25.5],
    ['another unit', 'tail', 'carrier', 2_000],
    ['a unit where the Monitor names none', 'tail', undefined, 2_000],
  ])('likeness counts where it is that of the same units: %s', (_, of, counted, expected) => {
    const message = { ...baselineMessage('1'), unit: of };
    for (const field of message.fields) field.intraclass = 0.5;
    const window = clustered(windowOf(0.1, counted === undefined ? {} : { unit: counted }));
    expect(evaluated(window, prepareBaseline(message)).fields[0]?.effectiveRows).toBe(expected);
  });

  test('the score counts a field by what it means to the model', () => {
    const weighed = (temp: number): number => {
      const message = baselineMessage('1');
      for (const field of message.fields) field.importance = field.field === 'temp' ? temp : 1;
      return evaluated(windowOf(0.4), prepareBaseline(message)).score;
    };
    expect(weighed(0)).toBeLessThan(0.01);
    expect(weighed(8) / weighed(1)).toBeCloseTo(0.8 / (1 / 3), 1);
  });
});
