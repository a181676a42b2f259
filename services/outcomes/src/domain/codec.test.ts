import { outcomes, serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { predictionOf, settledOf } from '../../test/fixtures.ts';
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
import type { Ending, Prediction, Settled } from './types.ts';

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
  slices: fc.array(text, { maxLength: 3 }),
});
const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc.constant({ kind: 'expired' as const }),
  fc.record({
    kind: fc.constant('labelled' as const),
    label: fc.constantFrom(0 as const, 1 as const),
    labelledAtMs: time,
  }),
);
const settled: fc.Arbitrary<Settled> = fc
  .tuple(predictions, endings)
  .map(([prediction, ending]) => settledOf(prediction, ending));

describe('codecs', () => {
  test('predictions come back', () => {
    fc.assert(
      fc.property(predictions, (one) => {
        expect(decodePending(encodePending(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(predictions, ({ predictedAtMs, slices, ...rest }) => {
        const bytes = serving.Inference.encode(
          serving.Inference.fromPartial({ ...rest, eventTimeMs: predictedAtMs }),
        ).finish();
        expect(decodeInference(bytes)).toEqual({ ...rest, predictedAtMs, slices: [] });
        expect(slices.length).toBeLessThan(4);
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
          one.ending.kind === 'labelled' ? outcomes.OutcomeKind.LABELLED : outcomes.OutcomeKind.EXPIRED,
        );
        if (one.ending.kind === 'labelled')
          expect(outcome).toMatchObject({ label: one.ending.label, labelledAtMs: one.ending.labelledAtMs });
      }),
    );
  });

  test('bytes that are cut off are refused', () => {
    const bytes = encodePending(predictionOf());
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
