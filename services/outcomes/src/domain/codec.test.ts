import { outcomes, serving } from '@everloop/contracts';
import { auc, aucFromBins } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEntry,
  decodeInference,
  decodePending,
  encodeEntry,
  encodeOutcome,
  encodePending,
  isLabelKey,
  labelKey,
} from './codec.ts';
import { type LabelRule, readLabel } from './label.ts';
import { summarise } from './stats.ts';
import type { Prediction, Settled } from './types.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const time = fc.integer({ min: 0, max: 4e12 });
const predictions: fc.Arbitrary<Prediction> = fc.record({
  decisionId: text,
  model: text,
  modelVersion: text,
  championVersion: text,
  arm: fc.constantFrom('champion', 'canary', 'shadow'),
  joinKey: text,
  predictedAtMs: time,
  score: fc.double({ min: 0, max: 1, noNaN: true }),
  learn: fc.boolean(),
});
const settled: fc.Arbitrary<Settled> = fc.oneof(
  fc.record({ kind: fc.constant('expired' as const), prediction: predictions }),
  fc.record({
    kind: fc.constant('labelled' as const),
    prediction: predictions,
    label: fc.constantFrom(0 as const, 1 as const),
    labelledAtMs: time,
  }),
);

describe('codecs', () => {
  test('predictions come back', () => {
    fc.assert(
      fc.property(predictions, (one) => {
        expect(decodePending(encodePending(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(predictions, ({ predictedAtMs, ...rest }) => {
        const bytes = serving.Inference.encode(
          serving.Inference.fromPartial({ ...rest, eventTimeMs: predictedAtMs }),
        ).finish();
        expect(decodeInference(bytes)).toEqual({ ...rest, predictedAtMs });
      }),
    );
  });

  test('label entries come back', () => {
    const entries = fc.record({
      labels: fc.array(
        fc.record({ joinKey: fc.constant('k'), label: fc.constantFrom(0 as const, 1 as const), labelledAtMs: time }),
      ),
      settled: fc.array(fc.tuple(text, time)).map((pairs) => new Map(pairs)),
    });
    fc.assert(
      fc.property(entries, (entry) => {
        expect(decodeEntry(encodeEntry('m', 'k', entry))).toEqual({ model: 'm', joinKey: 'k', entry });
      }),
    );
    expect(isLabelKey(labelKey('m', 'k'))).toBe(true);
  });

  test('an outcome says what became of the prediction', () => {
    fc.assert(
      fc.property(settled, (one) => {
        const outcome = outcomes.Outcome.decode(encodeOutcome(one));
        expect(outcome).toMatchObject({ ...one.prediction });
        expect(outcome.kind).toBe(
          one.kind === 'labelled' ? outcomes.OutcomeKind.LABELLED : outcomes.OutcomeKind.EXPIRED,
        );
        if (one.kind === 'labelled')
          expect(outcome).toMatchObject({ label: one.label, labelledAtMs: one.labelledAtMs });
      }),
    );
  });

  test('bytes that are cut off are refused', () => {
    const bytes = encodePending({
      decisionId: 'a',
      model: 'm',
      modelVersion: '1',
      championVersion: '1',
      arm: 'canary',
      joinKey: 'k',
      predictedAtMs: 1,
      score: 0.5,
      learn: false,
    });
    expect(() => decodeInference(bytes.subarray(0, 2))).toThrow();
  });
});

describe('labels', () => {
  const rule: LabelRule = { key: 'flight_id', field: 'arr_delay', above: 15, eventTime: 'at' };
  test.each([
    ['above', '{"flight_id":"f","arr_delay":16,"at":5}', { joinKey: 'f', label: 1, labelledAtMs: 5 }],
    ['at the limit', '{"flight_id":"f","arr_delay":15,"at":5}', { joinKey: 'f', label: 0, labelledAtMs: 5 }],
    [
      'RFC 3339 time, numeric key',
      '{"flight_id":7,"arr_delay":0,"at":"1970-01-01T00:00:01Z"}',
      { joinKey: '7', label: 0, labelledAtMs: 1000 },
    ],
    ['no value', '{"flight_id":"f","arr_delay":null,"at":5}', null],
    ['no key', '{"arr_delay":1,"at":5}', null],
    ['no time', '{"flight_id":"f","arr_delay":1}', null],
    ['no record', 'null', null],
  ])('%s', (_, json, expected) => {
    expect(readLabel(rule, JSON.parse(json) as Record<string, unknown> | null)).toEqual(expected);
  });
});

describe('sums', () => {
  const of = (parts: readonly (readonly Settled[])[]): unknown => {
    const merged = new Map<string, outcomes.OutcomeStats>();
    for (const stats of parts.flatMap((part) => summarise(part))) {
      const key = JSON.stringify([stats.modelVersion, stats.arm, stats.dayMs]);
      const known = merged.get(key);
      const plus = (a: readonly number[], b: readonly number[]): number[] => {
        const longer = a.length > b.length ? a : b;
        return longer.map((_, i) => (a[i] ?? 0) + (b[i] ?? 0));
      };
      merged.set(
        key,
        known === undefined
          ? stats
          : {
              ...stats,
              labelled: known.labelled + stats.labelled,
              expired: known.expired + stats.expired,
              positives: known.positives + stats.positives,
              logLossNano: known.logLossNano + stats.logLossNano,
              logLossSquaredMicro: known.logLossSquaredMicro + stats.logLossSquaredMicro,
              negativeBins: plus(known.negativeBins, stats.negativeBins),
              positiveBins: plus(known.positiveBins, stats.positiveBins),
              settledAtMs: Math.max(known.settledAtMs, stats.settledAtMs),
            },
      );
    }
    return [...merged].sort(([a], [b]) => (a < b ? -1 : 1));
  };
  const oneModel = fc.array(settled.map((one): Settled => ({ ...one, prediction: { ...one.prediction, model: 'm' } })));

  test('merging equals summing the concatenation, in any order', () => {
    fc.assert(
      fc.property(oneModel, oneModel, (a, b) => {
        expect(of([b, a])).toEqual(of([[...a, ...b]]));
      }),
    );
  });

  test('the histograms hold the area under the curve to the width of a bin', () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({
      score: (i + 0.5) / 400,
      label: (i * 7) % 10 < i / 50 ? (1 as const) : (0 as const),
    }));
    const [stats] = summarise(
      rows.map(({ score, label }, i): Settled => ({
        kind: 'labelled',
        label,
        labelledAtMs: 1,
        prediction: {
          decisionId: String(i),
          model: 'm',
          modelVersion: '1',
          championVersion: '1',
          arm: 'champion',
          joinKey: 'k',
          predictedAtMs: 0,
          score,
          learn: true,
        },
      })),
    );
    const exact = auc(
      rows.map(({ score }) => score),
      rows.map(({ label }) => label),
    );
    expect(aucFromBins(stats?.negativeBins ?? [], stats?.positiveBins ?? [])).toBeCloseTo(exact, 2);
    expect(stats).toMatchObject({ labelled: 400, expired: 0, dayMs: 0 });
  });
});
