import { eventId, outcomes, serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelledAs, predictionOf, ruleOf, settledOf } from '../../test/fixtures.ts';
import {
  decodeEntry,
  decodeHeld,
  decodeInference,
  encodeEntry,
  encodeHeld,
  encodeOutcome,
  isLabelKey,
  labelKey,
} from './codec.ts';
import { onLabels, onPredictions } from './join.ts';
import { createJoinState } from './join-state.ts';
import { type LabelRule, readLabel } from './label.ts';
import type { Ending, Prediction } from './types.ts';

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
  answerId: text,
});
const bit = fc.constantFrom(0 as const, 1 as const);
const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc.constant({ kind: 'expired' as const }),
  fc.record({ kind: fc.constant('defaulted' as const), label: bit }),
  fc.record({ kind: fc.constant('labelled' as const), label: bit, labelledAtMs: time }),
);
const { LABELLED, EXPIRED, DEFAULTED, UNSPECIFIED } = outcomes.OutcomeKind;

describe('codecs', () => {
  test('what is held comes back', () => {
    fc.assert(
      fc.property(predictions, fc.option(endings), fc.nat(5), (prediction, ending, endingCount) => {
        const held = { prediction, ending, endings: endingCount };
        expect(decodeHeld(encodeHeld(held))).toEqual(held);
      }),
    );
  });

  test('a prediction is read from the log, with its slices and the answer that it belongs to', () => {
    fc.assert(
      fc.property(predictions, fc.string(), fc.nat(3), (prediction, requestId, requestRow) => {
        const { decisionId, model, modelVersion, championVersion, arm, joinKey, score, learn } = prediction;
        const inference = serving.Inference.fromPartial({
          ...{ decisionId, requestId, model, modelVersion, championVersion, arm, joinKey, score, learn },
          ...{ eventTimeMs: prediction.predictedAtMs, requestRow },
        });
        const bytes = serving.Inference.encode(inference).finish();
        const row = requestRow === 0 ? [] : [`#${requestRow - 1}`];
        const answerId = arm === 'shadow' ? eventId('decision', model, requestId, ...row) : decisionId;
        expect(decodeInference(bytes, () => prediction.slices)).toEqual({ ...prediction, answerId });
      }),
    );
  });

  test('in a request of several rows a label that names an answer reaches that and its shadows', () => {
    const logged = (requestRow: number, ...shadow: readonly string[]): Prediction =>
      decodeInference(
        serving.Inference.encode(
          serving.Inference.fromPartial({
            decisionId: eventId('decision', 'm', 'r', `#${requestRow - 1}`, ...shadow),
            ...{ requestId: 'r', model: 'm', joinKey: 'k', arm: shadow.length > 0 ? 'shadow' : 'champion', requestRow },
          }),
        ).finish(),
      );
    const state = createJoinState(ruleOf({ byDecision: true }));
    const rows = [logged(1), logged(2), logged(1, '2'), logged(2, '2')];
    onPredictions(state, rows);
    const named = { by: 'decision', key: rows[1]?.decisionId ?? '', label: 1, labelledAtMs: 5 } as const;
    const { settled } = onLabels(state, [named]);
    expect(new Set(settled.map(({ prediction }) => prediction))).toEqual(new Set([rows[1], rows[3]]));
  });

  test('label entries come back', () => {
    const entries = fc
      .record({
        by: fc.constantFrom('key' as const, 'decision' as const),
        labels: fc.array(fc.record({ label: fc.constantFrom(0 as const, 1 as const), labelledAtMs: time }), {
          minLength: 1,
        }),
        used: fc.boolean(),
      })
      .map(({ by, labels, used }) => ({ labels: labels.map((label) => ({ by, key: 'x', ...label })), used }));
    fc.assert(
      fc.property(entries, (entry) => {
        const lookup = entry.labels[0]?.by === 'decision' ? 'dx' : 'kx';
        expect(decodeEntry(encodeEntry('m', entry))).toEqual({ model: 'm', lookup, entry });
      }),
    );
    expect(isLabelKey(labelKey('m', 'kx'))).toBe(true);
  });

  test.each<[string, Ending, Ending | null, object]>([
    [
      'labelled',
      labelledAs(1, 9),
      null,
      { kind: LABELLED, label: 1, labelledAtMs: 9, revision: 0, replacedKind: UNSPECIFIED },
    ],
    ['expired', { kind: 'expired' }, null, { kind: EXPIRED, label: 0, labelledAtMs: 0 }],
    ['by default', { kind: 'defaulted', label: 1 }, null, { kind: DEFAULTED, label: 1, labelledAtMs: 107 }],
    [
      'corrected',
      labelledAs(0, 9),
      labelledAs(1, 3),
      { kind: LABELLED, label: 0, revision: 1, replacedKind: LABELLED, replacedLabel: 1 },
    ],
    ['late', labelledAs(0, 9), { kind: 'expired' }, { kind: LABELLED, revision: 1, replacedKind: EXPIRED }],
  ])('an outcome says what became of the prediction: %s', (_, ending, replaces, expected) => {
    const prediction = predictionOf({ predictedAtMs: 7, slices: ['north'] });
    const outcome = outcomes.Outcome.decode(encodeOutcome(settledOf(prediction, ending, replaces), 100));
    expect(outcome).toMatchObject({ ...prediction, ...expected });
  });

  test('bytes that are cut off are refused', () => {
    const bytes = encodeHeld({ prediction: predictionOf(), ending: null, endings: 0 });
    expect(() => decodeInference(bytes.subarray(0, 2))).toThrow();
  });
});

describe('labels', () => {
  const rule: LabelRule = { key: 'flight_id', field: 'arr_delay', above: 15, decision: 'decision', eventTime: 'at' };
  test.each([
    ['above', '{"flight_id":"f","arr_delay":16,"at":5}', { by: 'key', key: 'f', label: 1, labelledAtMs: 5 }],
    ['at the limit', '{"flight_id":"f","arr_delay":15,"at":5}', { by: 'key', key: 'f', label: 0, labelledAtMs: 5 }],
    [
      'RFC 3339 time, numeric key',
      '{"flight_id":7,"arr_delay":0,"at":"1970-01-01T00:00:01Z"}',
      { by: 'key', key: '7', label: 0, labelledAtMs: 1000 },
    ],
    [
      'the decision that it names',
      '{"flight_id":"f","arr_delay":16,"at":5,"decision":"abc"}',
      { by: 'decision', key: 'abc', label: 1, labelledAtMs: 5 },
    ],
    [
      'no decision named',
      '{"flight_id":"f","arr_delay":16,"at":5,"decision":""}',
      { by: 'key', key: 'f', label: 1, labelledAtMs: 5 },
    ],
    [
      'the number itself',
      '{"flight_id":"f","arr_delay":-3.5,"at":5}',
      { by: 'key', key: 'f', label: -3.5, labelledAtMs: 5 },
      { above: null },
    ],
    ['no value', '{"flight_id":"f","arr_delay":null,"at":5}', null],
    ['no key', '{"arr_delay":1,"at":5}', null],
    ['no time', '{"flight_id":"f","arr_delay":1}', null],
    ['no record', 'null', null],
  ])('%s', (_, json, expected, over: Partial<LabelRule> = {}) => {
    expect(readLabel({ ...rule, ...over }, JSON.parse(json) as Record<string, unknown> | null)).toEqual(expected);
  });
});
