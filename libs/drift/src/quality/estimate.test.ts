import { drift } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { dayWindow, performance } from '../../test/outcomes.ts';
import { estimatePerformance } from './estimate.ts';
import { meanLoss, mergeHours } from './outcomes.ts';
import { judgePerformance } from './performance.ts';
import { emptyTrack, type Promised, type Track } from './track.ts';

const { STABLE, DRIFTED, INSUFFICIENT } = drift.DriftVerdict;

/** Scores above a half alone: the fixture's version knows nothing about rows near it, so the loss differs by where scores lie. */
const promise: Promised = { loss: 0.36, rows: 5_000 };

function taught(options: Parameters<typeof dayWindow>[2], days = 4): Track {
  let track = emptyTrack;
  for (let day = 0; day < days; day += 1)
    track = judgePerformance(dayWindow(40 + day, day, options), performance, promise, track).track;
  return track;
}

describe('quality from scores alone', () => {
  test('is within three standard errors of what the labels say later', () => {
    const [rows, from] = [200, 0.3];
    for (let day = 10; day < 30; day += 1) {
      const later = meanLoss(mergeHours(dayWindow(day, day, { rows, from }).hours));
      const open = dayWindow(day, day, { rows, from, isOpen: true });
      const { report } = estimatePerformance(open, performance, promise, taught({ rows }));
      expect(report).toMatchObject({ kind: 'estimated', labelled: 0, predictions: 4800 });
      const error = Number(/± (\S+)/.exec(report.reason)?.[1]);
      expect(Math.abs(report.observed - later)).toBeLessThan(3 * error);
    }
  });

  test('learns from the labels what the scores are worth: a version that is wrong is expected to be so again', () => {
    const wrong = taught({ wrong: 1.5 });
    const { report } = estimatePerformance(dayWindow(9, 9, { isOpen: true }), performance, promise, wrong);
    const labels = meanLoss(mergeHours(dayWindow(9, 9, { wrong: 1.5 }).hours));
    expect(report.observed).toBeCloseTo(labels, 1);
    expect(report.verdict).toBe(DRIFTED);
    expect(report.reason).toMatch(/^expected to be worse: /);
  });

  test('inputs that moved to where the version does worse are drift before any label', () => {
    const track = taught({ from: 0.85 });
    const held = { loss: track.lossSum / track.rows, rows: 5_000 };
    const same = estimatePerformance(dayWindow(9, 9, { from: 0.85, isOpen: true }), performance, held, track);
    expect(same.report.verdict).toBe(STABLE);
    // Calibrated where there were no labels by the nearest that had some: higher loss, and told.
    const moved = estimatePerformance(dayWindow(9, 9, { from: 0.3, isOpen: true }), performance, held, track);
    expect(moved.report.verdict).toBe(DRIFTED);
    expect(moved.report.lower).toBeGreaterThan(held.loss);
  });

  test.each([
    ['few predictions', { rows: 5, isOpen: true }, taught({}), /^insufficient predictions: 120 of at least 200$/],
    ['no labels yet', { isOpen: true }, emptyTrack, /no labelled window yet/],
  ])('%s: says so', (_, options, track, reason) => {
    const { report, track: after } = estimatePerformance(dayWindow(9, 9, options), performance, promise, track);
    expect(report).toMatchObject({ verdict: INSUFFICIENT, reason: expect.stringMatching(reason), metrics: {} });
    expect(after).toBe(track);
  });

  test('without a promise the first full window is one', () => {
    const { track } = judgePerformance(dayWindow(1, 0), performance, null);
    const { report } = estimatePerformance(dayWindow(2, 1, { isOpen: true }), performance, null, track);
    expect(report).toMatchObject({ verdict: STABLE, expected: track.first?.loss });
  });
});
