import { drift, eventId, isLogged, type serving } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { baseline, day, dayOfRows, monitor } from '../../test/fixtures.ts';
import { evaluateWindow, policyOf } from '../judge/evaluate.ts';
import { countPanes } from './pane-gatherer.ts';
import { createWindowState, takePane } from '../windows/state.ts';
import { closeWindows } from '../windows/windows.ts';

const reference = baseline();
const { DRIFTED } = drift.DriftVerdict;
const made = 8_000;
const share = 0.1;

/** What a gateway logs of a day: the same rows, those that the hash of their decision chooses. */
function loggedDay(seed: number, shift: number): readonly serving.Inference[] {
  return dayOfRows(seed, 0, made, shift)
    .map((row, n) => ({
      ...row,
      decisionId: eventId('decision', String(seed), String(n)),
      inclusionProbability: share,
    }))
    .filter(({ decisionId }) => isLogged(decisionId, share));
}

function judged(rows: readonly serving.Inference[], minRows = 100): drift.DriftReport {
  const state = createWindowState();
  for (const pane of countPanes(rows, () => reference)) takePane(state, [], pane);
  const [due] = closeWindows(state, [monitor({ minRows, windowMs: day })], day);
  if (due === undefined) throw new Error('no window');
  return evaluateWindow(due, reference, policyOf(due.monitor.spec));
}

const seeds = Array.from({ length: 60 }, (_, n) => 100 + n);
const stable = seeds.map((seed) => loggedDay(seed, 0));

describe('a model that logs a tenth of its predictions', () => {
  test('its windows say how many rows were compared, and about how many predictions they stand for', () => {
    for (const logged of stable.slice(0, 10)) {
      const { rows, predictions } = judged(logged);
      expect(predictions).toBe(rows * 10);
      // Within six standard deviations of the estimate of Horvitz and Thompson, sqrt(N (1 - p) / p).
      expect(Math.abs(predictions - made)).toBeLessThan(6 * Math.sqrt((made * (1 - share)) / share));
    }
  });

  test('p-values of windows without drift are as small as chance says, not more often', () => {
    const pValues = stable.flatMap((logged) => judged(logged).fields.flatMap(({ ksPValue }) => ksPValue ?? []));
    expect(pValues).toHaveLength(2 * seeds.length);
    // 120 p-values, five of a hundred expected: under 16 is within four standard deviations.
    expect(pValues.filter((p) => p < 0.05).length).toBeLessThan(16);
    expect(pValues.filter((p) => p > 0.5).length).toBeGreaterThan(40);
  });

  test('rows counted 1/p times would take chance for drift, which is why n is what is logged', () => {
    const tenfold = (rows: readonly serving.Inference[]) => Array.from({ length: 10 }, () => rows).flat();
    const pValues = stable
      .slice(0, 30)
      .flatMap((logged) => judged(tenfold(logged)).fields.flatMap(({ ksPValue }) => ksPValue ?? []));
    expect(pValues.filter((p) => p < 0.05).length).toBeGreaterThan(20);
  });

  test('statistics are those of all rows but for chance, and drift is found', () => {
    for (const seed of seeds.slice(0, 8)) {
      const [sampled, whole] = [judged(loggedDay(seed, 0.3)), judged(dayOfRows(seed, 0, made, 0.3))];
      expect([sampled.verdict, whole.verdict]).toEqual([DRIFTED, DRIFTED]);
      const [ofSampled, ofWhole] = [sampled, whole].map(({ fields }) => fields.find(({ field }) => field === 'temp'));
      expect(Math.abs((ofSampled?.ksStatistic ?? NaN) - (ofWhole?.ksStatistic ?? NaN))).toBeLessThan(0.06);
    }
  });

  test('the least number of rows is one of logged rows, and the report says of how many', () => {
    expect(judged(loggedDay(1, 0.3), 5_000).reason).toMatch(
      /insufficient rows: \d+ of at least 5000, logged of about \d+ predictions/,
    );
  });
});
