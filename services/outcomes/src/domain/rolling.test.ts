import { outcomes } from '@everloop/contracts';
import { auc, logLoss } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelledAs, predictionOf, settledOf } from '../../test/fixtures.ts';
import { addStats, createRolling, moveTo, rollingQuality, type RollingState } from './rolling.ts';
import { summarise } from './stats.ts';
import type { Ending, Prediction } from './types.ts';

const hour = 3_600_000;
const day = 24 * hour;

const statsOf = (
  rows: readonly (readonly [Prediction, Ending | null])[],
  isNumeric = false,
): readonly outcomes.OutcomeStats[] =>
  summarise(
    {
      read: rows.map(([prediction]) => prediction),
      settled: rows.flatMap(([prediction, ending]) => (ending === null ? [] : [settledOf(prediction, ending)])),
    },
    { waitMs: 2 * day, isNumeric },
  );

function rolled(records: readonly outcomes.OutcomeStats[], watermarkMs: number, windowMs = 3 * day): RollingState {
  const state = createRolling(windowMs);
  for (const one of records) addStats(state, one);
  moveTo(state, watermarkMs);
  return state;
}

const rows = fc.array(
  fc
    .record({
      modelVersion: fc.constantFrom('1', '2'),
      predictedAtMs: fc.integer({ min: 0, max: 6 * day }),
      score: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      slices: fc.subarray(['north']),
    })
    .chain((given) =>
      fc.constantFrom(labelledAs(0), labelledAs(1)).map((ending) => [predictionOf(given), ending] as const),
    ),
  { maxLength: 30 },
);

describe('rolling quality', () => {
  test('of labels that are numbers is that of their errors, and no quality of classes', () => {
    const rows = [
      [predictionOf({ score: 12, slices: ['north'] }), labelledAs(10)],
      [predictionOf({ score: 3, predictedAtMs: day }), labelledAs(7)],
      [predictionOf({ score: 99, predictedAtMs: day }), null],
    ] as const;
    const records = statsOf(rows, true).map((one) => outcomes.OutcomeStats.fromJSON(outcomes.OutcomeStats.toJSON(one)));
    const [all, north] = rollingQuality(rolled(records, 2 * day));
    // Errors 2 and -4.
    expect(all?.errors).toEqual({ rows: 2, bias: -1, mae: 3, rmse: Math.sqrt(10) });
    expect(all?.quality).toMatchObject({ rows: 0, logLoss: NaN, rmse: NaN, auc: NaN });
    expect(all?.coverage).toBe(1);
    expect(north?.errors).toMatchObject({ rows: 1, mae: 2 });
  });

  test('is that of the rows in the window, by version and slice', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 0, max: 9 }), (all, days) => {
        const watermarkMs = days * day;
        const found = rollingQuality(rolled(statsOf(all), watermarkMs));
        for (const version of ['1', '2']) {
          for (const slice of ['', 'north']) {
            const mine = all.filter(
              ([one]) =>
                one.modelVersion === version &&
                (slice === '' || one.slices.includes(slice)) &&
                Math.floor(one.predictedAtMs / day) * day >= watermarkMs - 3 * day,
            );
            const got = found.find(({ name }) => name.version === version && name.slice === slice);
            expect(got?.quality.rows ?? 0).toBe(mine.length);
            if (got === undefined) continue;
            const scores = mine.map(([one]) => one.score);
            const labels = mine.map(([, ending]) => (ending.kind === 'labelled' ? ending.label : 0));
            expect(got.quality.logLoss).toBeCloseTo(logLoss(scores, labels), 8);
            const exact = auc(scores, labels);
            if (Number.isNaN(exact)) expect(got.quality.auc).toBeNaN();
            else expect(Math.abs(got.quality.auc - exact)).toBeLessThanOrEqual(got.quality.aucError + 1e-12);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('does not depend on order and on when the watermark moved', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const records = statsOf(all);
        const moved = createRolling(3 * day);
        records.toReversed().forEach((one, i) => {
          moveTo(moved, i * hour);
          addStats(moved, one);
        });
        moveTo(moved, 7 * day);
        expect(rollingQuality(moved)).toEqual(rollingQuality(rolled(records, 7 * day)));
      }),
      { numRuns: 50 },
    );
  });

  test('counts coverage over days that are settled, defaults as missing', () => {
    const at = (predictedAtMs: number): Prediction => predictionOf({ predictedAtMs });
    const settledDay = statsOf([
      [at(1), labelledAs(1)],
      [at(2), { kind: 'expired' }],
      [at(3), { kind: 'defaulted', label: 0 }],
      [at(4), labelledAs(0)],
    ]);
    const youngDay = statsOf([
      [at(day), labelledAs(1)],
      [at(day), null],
    ]);
    const coverage = (records: readonly outcomes.OutcomeStats[], watermarkMs: number): number | undefined =>
      rollingQuality(rolled(records, watermarkMs))[0]?.coverage;
    expect(coverage([...settledDay, ...youngDay], 2 * day)).toBe(0.5);
    expect(coverage(youngDay, 2 * day)).toBeNaN();
    expect(coverage(settledDay, day - 1)).toBeNaN();
  });

  test('says which groups are over, and bounds them', () => {
    const state = rolled(statsOf([[predictionOf({ arm: 'canary' }), labelledAs(1)]]), 3 * day);
    expect(rollingQuality(state)).toHaveLength(1);
    expect(moveTo(state, 3 * day + 1)).toEqual([{ model: 'm', version: '1', arm: 'canary', slice: '' }]);
    expect(rollingQuality(state)).toEqual([]);
    const many = Array.from({ length: 510 }, (_, i) =>
      outcomes.OutcomeStats.fromPartial({ model: 'm', modelVersion: String(i), dayMs: (i < 10 ? 0 : 1) * day }),
    );
    const bounded = createRolling(9 * day);
    for (const one of many) addStats(bounded, one);
    const gone = moveTo(bounded, day);
    expect(gone.map(({ version }) => Number(version)).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
