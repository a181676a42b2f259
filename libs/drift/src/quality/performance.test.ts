import { drift } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { dayWindow, numberHourOf, outcomeHourOf, performance, type HourOptions } from '../../test/outcomes.ts';
import { meanLoss, mergeHours } from './outcomes.ts';
import { judgePerformance } from './performance.ts';
import type { Promised, Track } from './track.ts';

const { STABLE, DRIFTED, INSUFFICIENT } = drift.DriftVerdict;

/** What right scores of the fixture lose: many rows of them. */
const right = mergeHours(Array.from({ length: 50 }, (_, i) => outcomeHourOf(i + 900_001, i, { rows: 400 })));
const promise: Promised = { loss: meanLoss(right), rows: 5_000 };

/** Days one after the other under one promise. */
function days(seed: number, n: number, options: (day: number) => HourOptions, promised: Promised | null = promise) {
  let track: Track | undefined;
  return Array.from({ length: n }, (_, day) => {
    const judged = judgePerformance(dayWindow(seed * 100 + day, day, options(day)), performance, promised, track);
    track = judged.track;
    return judged.report;
  });
}

describe('quality from labels', () => {
  test('a version that does as it promised is stable, with all numbers', () => {
    const [report] = days(1, 1, () => ({}));
    expect(report).toMatchObject({
      ...{ model: 'm', modelVersion: '1', monitor: 'watch', kind: 'performance', verdict: STABLE, labelled: 1440 },
      ...{ windowStartMs: 0, windowEndMs: 86_400_000, maxExcess: 0.05, expected: promise.loss, changes: [] },
    });
    expect(Object.keys(report?.metrics ?? {}).sort()).toEqual([
      'auc',
      'brier',
      'calibrationError',
      'f1',
      'logLoss',
      'mae',
      'precision',
      'recall',
      'rmse',
    ]);
    expect(report?.lower).toBeLessThan(report?.observed ?? 0);
    expect(report?.reason).toMatch(
      /^as promised: log loss 0\.\d+ \(at least .* of 1440 labels against 0\.\d+ promised on 5000 rows/,
    );
  });

  test('labels that no longer follow the scores are drift in the first window that has them', () => {
    const reports = days(2, 10, (day) => ({ wrong: day < 6 ? 0 : 2.5 }));
    expect(reports.map(({ verdict }) => verdict)).toEqual([...Array(6).fill(STABLE), ...Array(4).fill(DRIFTED)]);
    expect(reports[6]?.reason).toMatch(/^worse: /);
    expect(reports.slice(6).flatMap(({ changes }) => changes)).toContain('page-hinkley');
    expect(reports.slice(6).flatMap(({ changes }) => changes)).toContain('adwin');
  });

  test('what is small and stays is found by all rows together', () => {
    const reports = days(3, 60, () => ({ wrong: 1.2, rows: 20 }));
    // By themselves the windows stop being certain: each has few labels, and spends less than the one before.
    const last = reports.at(-1);
    expect(last).toMatchObject({ verdict: DRIFTED, changes: ['sequence'] });
    expect(last?.lower).toBeLessThan(last?.expected ?? 0);
  });

  test('an excess that does not matter is no drift, however certain', () => {
    const reports = days(4, 20, () => ({ wrong: 0.3, rows: 300 }));
    expect(reports.every(({ verdict, lower, expected }) => verdict === STABLE && lower - expected < 0.05)).toBe(true);
  });

  test('too few labels judge nothing and teach nothing', () => {
    const [first, second] = days(5, 2, (day) => ({ rows: day === 0 ? 5 : 60 }));
    expect(first).toMatchObject({ verdict: INSUFFICIENT, metrics: {}, labelled: 120 });
    expect(first?.reason).toBe('insufficient labels: 120 of at least 200, of 120 predictions');
    expect(second?.verdict).toBe(STABLE);
  });

  test('without a promise the first full window is one', () => {
    const reports = days(6, 4, (day) => ({ wrong: day < 3 ? 0 : 2 }), null);
    expect(reports.map(({ verdict }) => verdict)).toEqual([STABLE, STABLE, STABLE, DRIFTED]);
    expect(reports[0]?.reason).toMatch(/^reference: /);
    expect(reports[1]?.expected).toBe(reports[0]?.observed);
  });

  test('labels that are numbers are judged by the mean absolute error, in their unit', () => {
    const spec = { ...performance, maxMaeExcess: 0.2 };
    let track: Track | undefined;
    const reports = [0, 0, 0.5, 1.5].map((bias, day) => {
      const hours = Array.from({ length: 24 }, (_, i) => numberHourOf(day * 100 + i + 1, day * 24 + i, { bias }));
      const window = { ...dayWindow(1, day), metric: 'mae' as const, hours };
      // |error| of a uniform error in [-1, 1] is 0.5 in the mean.
      const judged = judgePerformance(window, spec, { loss: 0.5, rows: 5_000 }, track);
      track = judged.track;
      return judged.report;
    });
    // With a bias of 0.5 the mean is 0.5 + 0.5² / 2 = 0.625, less than 0.2 more; with 1.5 it is 1.5.
    expect(reports.map(({ verdict }) => verdict)).toEqual([STABLE, STABLE, STABLE, DRIFTED]);
    expect(reports[2]?.observed).toBeCloseTo(0.625, 1);
    expect(reports[3]).toMatchObject({ metric: 'mae', maxExcess: 0.2, expected: 0.5, labelled: 1440 });
    expect(reports[3]?.metrics['mae']).toBeCloseTo(1.5, 1);
    expect(reports[3]?.metrics['bias']).toBeCloseTo(1.5, 1);
    expect(reports[3]?.metrics['rmse']).toBeCloseTo(Math.sqrt(1.5 ** 2 + 1 / 3), 1);
    expect(Object.keys(reports[3]?.metrics ?? {}).sort()).toEqual(['bias', 'mae', 'rmse']);
    expect(reports[3]?.reason).toMatch(/^worse: mean absolute error 1\.\d+ .* an excess of 0.2 matters/);
  });

  test('the same windows give the same reports from a track that went through JSON', () => {
    let kept: Track | undefined;
    const reports = Array.from({ length: 8 }, (_, day) => {
      const judged = judgePerformance(dayWindow(700 + day, day), performance, promise, kept);
      kept = JSON.parse(JSON.stringify(judged.track)) as Track;
      return judged.report;
    });
    expect(reports).toEqual(days(7, 8, () => ({})));
  });

  test('a version is falsely accused at most as often as the confidence says, in all its windows together', () => {
    const strict = { ...performance, maxLogLossExcess: 0 };
    const runs = 60;
    let accused = 0;
    for (let run = 0; run < runs; run += 1) {
      let track: Track | undefined;
      let isAccused = false;
      for (let day = 0; day < 15; day += 1) {
        const window = dayWindow(run * 37 + day + 10_000, day, { rows: 15 });
        const judged = judgePerformance(window, strict, { ...promise, rows: 20_000 }, track);
        track = judged.track;
        isAccused ||= judged.report.verdict === DRIFTED;
      }
      if (isAccused) accused += 1;
    }
    expect(accused / runs).toBeLessThanOrEqual(0.05);
  });
});
