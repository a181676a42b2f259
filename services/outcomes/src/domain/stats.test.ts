import type { outcomes } from '@everloop/contracts';
import {
  addSparseCounts,
  addToBin,
  auc,
  logQuantile,
  ScoreSums,
  sparseCounts,
  type SparseCounts,
} from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelledAs, predictionOf, settledOf } from '../../test/fixtures.ts';
import { summarise } from './stats.ts';
import type { Ending, Prediction, Settled } from './types.ts';

const hour = 3_600_000;
const waitMs = 48 * hour;
const expired: Ending = { kind: 'expired' };

interface Batch {
  readonly read: readonly Prediction[];
  readonly settled: readonly Settled[];
}

const sums = (batch: Batch): readonly outcomes.OutcomeStats[] => summarise(batch, { waitMs, isNumeric: false });

/** Records of the topic merged as a reader does, by version, arm, hour and slice; what adds up to nothing is left out. */
function merged(records: readonly outcomes.OutcomeStats[]): Readonly<Record<string, unknown>> {
  const groups = new Map<string, outcomes.OutcomeStats[]>();
  for (const one of records) {
    const key = `${one.modelVersion}/${one.arm}/${one.hourMs}/${one.slice}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const adder = (all: readonly outcomes.OutcomeStats[]) => {
    const scores = new ScoreSums();
    const predicted = new Float64Array(200);
    const delays = new Map<number, number>();
    const counts = { predictions: 0, expired: 0, defaulted: 0, late: 0 };
    for (const one of all) {
      scores.merge(one);
      addSparseCounts(predicted, one.predictedScores);
      one.delays?.bins.forEach((bin, i) => addToBin(delays, bin, one.delays?.counts[i]));
      for (const name of ['predictions', 'expired', 'defaulted', 'late'] as const) counts[name] += one[name];
    }
    const sparse: SparseCounts = sparseCounts(predicted);
    return { ...counts, ...scores.state(), sparse, delays: [...delays].filter(([, n]) => n !== 0).sort() };
  };
  const nothing = JSON.stringify(adder([]));
  const added = [...groups].map(([key, all]) => [key, adder(all)] as const);
  return Object.fromEntries(added.filter(([, one]) => JSON.stringify(one) !== nothing).sort());
}

describe('labels that are numbers', () => {
  const numbers = (settled: readonly Settled[]): readonly outcomes.OutcomeStats[] =>
    summarise({ read: settled.map(({ prediction }) => prediction), settled }, { waitMs, isNumeric: true });

  test('give sums of errors, and none of scores as probabilities', () => {
    const [sum] = numbers([
      settledOf(predictionOf({ score: 12.5 }), labelledAs(10)),
      settledOf(predictionOf({ score: -3 }), labelledAs(1)),
      settledOf(predictionOf({ score: 5 }), expired),
    ]);
    expect(sum).toMatchObject({
      ...{ predictions: 3, labelled: 2, expired: 1, positives: 0, logLossNano: 0, brierNano: 0, scoreNano: [] },
      ...{ predictedScores: { bins: [] }, negativeScores: { bins: [] } },
      errors: { rows: 2, errorMicro: -1_500_000, absoluteMicro: 6_500_000, squaredMicro: 22_250_000 },
    });
  });

  test('that are corrected replace what they were', () => {
    const prediction = predictionOf({ score: 12 });
    const [first] = numbers([settledOf(prediction, labelledAs(10))]);
    const [second] = numbers([settledOf(prediction, labelledAs(11), labelledAs(10))]);
    expect(second).toMatchObject({ labelled: 0, corrected: 1 });
    expect((first?.errors?.absoluteMicro ?? 0) + (second?.errors?.absoluteMicro ?? 0)).toBe(1_000_000);
  });
});

const predictions = fc.record({
  modelVersion: fc.constantFrom('1', '2'),
  arm: fc.constantFrom('champion', 'canary'),
  predictedAtMs: fc.integer({ min: 0, max: 30 * hour }),
  score: fc.double({ min: 0, max: 1, noNaN: true }),
  slices: fc.subarray(['north', 'late']),
});
const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc.constant(expired),
  fc.record({ kind: fc.constant('defaulted' as const), label: fc.constantFrom(0 as const, 1 as const) }),
  fc
    .tuple(fc.constantFrom(0 as const, 1 as const), fc.integer({ min: 0, max: 99 * hour }))
    .map(([label, at]) => labelledAs(label, at)),
);
const batches: fc.Arbitrary<Batch> = fc
  .array(fc.tuple(predictions, endings), { maxLength: 12 })
  .map((rows) => rows.map(([given, ending]) => settledOf(predictionOf(given), ending)))
  .map((settled) => ({ read: settled.map(({ prediction }) => prediction), settled }));

describe('sums', () => {
  test('of any division, in any order, are those of all', () => {
    fc.assert(
      fc.property(batches, batches, (a, b) => {
        const all = { read: [...a.read, ...b.read], settled: [...a.settled, ...b.settled] };
        const parts = [...sums(b), ...sums({ ...a, settled: [] }), ...sums({ ...a, read: [] })];
        expect(merged(parts)).toEqual(merged(sums(all)));
      }),
    );
  });

  test('up to an hour of labels do not depend on what came in one batch', () => {
    const until = (hours: number, records: readonly outcomes.OutcomeStats[]): readonly outcomes.OutcomeStats[] =>
      records.filter(({ slice, settledAtMs }) => slice === '' && settledAtMs < hours * hour);
    fc.assert(
      fc.property(batches, batches, fc.integer({ min: 0, max: 100 }), (a, b, hours) => {
        const all = { read: [...a.read, ...b.read], settled: [...a.settled, ...b.settled] };
        expect(merged(until(hours, [...sums(a), ...sums(b)]))).toEqual(merged(until(hours, sums(all))));
      }),
    );
  });

  test('after a correction are those of the new ending alone', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(predictions, endings, endings), { maxLength: 12 }), (rows) => {
        const first = rows.map(([given, ending]) => settledOf(predictionOf(given), ending));
        const then = rows.map(([given, old, ending]) => settledOf(predictionOf(given), ending, old));
        const only = then.map(({ prediction, ending }) => settledOf(prediction, ending));
        const corrected = [...sums({ read: [], settled: then }), ...sums({ read: [], settled: first })];
        expect(merged(corrected)).toEqual(merged(sums({ read: [], settled: only })));
      }),
    );
  });

  test('say hour, day and slices, what was late and by default, and how long labels took', () => {
    const at = 30 * hour + 5;
    const one = predictionOf({ predictedAtMs: at, score: 0.9, slices: ['north'] });
    const settled = [
      settledOf(one, labelledAs(1, at + hour)),
      settledOf(one, labelledAs(1, at + waitMs + 1)),
      settledOf(one, { kind: 'defaulted', label: 0 }),
      settledOf(one, expired),
      settledOf(one, labelledAs(0, at + 2 * hour), { kind: 'defaulted', label: 1 }),
    ];
    const records = sums({ read: [one, one], settled });
    const parts = records.slice(0, -1);
    const whole = records.at(-1);
    expect([parts.map(({ slice, settledAtMs }) => `${slice}${settledAtMs}`), whole?.slice]).toEqual([
      ['0', String(at + hour), String(at + 2 * hour), String(at + waitMs + 1)].sort(),
      'north',
    ]);
    expect(whole).toMatchObject({
      ...{ model: 'm', modelVersion: '1', arm: 'champion', hourMs: 30 * hour, dayMs: 24 * hour },
      ...{ predictions: 2, labelled: 3, positives: 1, expired: 1, defaulted: 0, late: 1, corrected: 1 },
      ...{ settledAtMs: at + waitMs + 1, predictedScores: { bins: [180], counts: [2] } },
    });
    const { bins = [], counts = [] } = whole?.delays ?? {};
    expect(counts).toEqual([1, 1, 1]);
    const quantile = logQuantile(new Map(bins.map((bin, i) => [bin, counts[i] ?? 0])), 0.1) ?? 0;
    expect(Math.abs(quantile / 3600 - 1)).toBeLessThan(0.01);
    expect(merged(whole === undefined ? [] : [{ ...whole, slice: '' }])).toEqual(merged(parts));
  });

  test('hold the area under the curve to the width of a bin', () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({
      score: (i + 0.5) / 400,
      label: (i * 7) % 10 < i / 50 ? (1 as const) : (0 as const),
    }));
    const settled = rows.map(({ score, label }, i) =>
      settledOf(predictionOf({ decisionId: String(i), score }), labelledAs(label)),
    );
    const scores = new ScoreSums();
    for (const one of sums({ read: [], settled })) scores.merge(one);
    const exact = auc(
      rows.map(({ score }) => score),
      rows.map(({ label }) => label),
    );
    expect(scores.quality().auc).toBeCloseTo(exact, 2);
  });

  test('of nothing are nothing', () => {
    expect(sums({ read: [], settled: [] })).toEqual([]);
  });
});
