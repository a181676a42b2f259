import { serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inference } from '../../test/fixtures.ts';
import { RowDecoder } from './row-decoder.ts';
import type { Row } from './row.ts';

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('', 'a', 'ab', 'ä', '\uFEFFx'));
const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN));
const featureValue: fc.Arbitrary<serving.FeatureValue> = fc.oneof(
  number.map((value) => ({ kind: { $case: 'number' as const, value } })),
  text.map((value) => ({ kind: { $case: 'text' as const, value } })),
  fc.boolean().map((value) => ({ kind: { $case: 'missing' as const, value } })),
  fc.constant({ kind: undefined }),
);
const counted = fc.record({
  ...{ model: text, modelVersion: text, championVersion: text, score: number, verdict: text, unit: text },
  ...{ inputNames: fc.array(text, { maxLength: 4 }), inputValues: fc.array(featureValue, { maxLength: 4 }) },
  ...{ requestNames: fc.array(text, { maxLength: 3 }), requestValues: fc.array(featureValue, { maxLength: 3 }) },
  eventTimeMs: fc.oneof(fc.maxSafeInteger(), fc.maxSafeNat()),
  ...{ inclusionProbability: number, attributions: fc.array(number, { maxLength: 4 }) },
});
/** Fields that are passed over. */
const rest = fc.record({
  ...{ decisionId: text, joinKey: text, propensity: number, learn: fc.boolean(), latencyUs: fc.maxSafeNat() },
  ...{ degradedViews: fc.array(text, { maxLength: 2 }), viewAgeSeconds: fc.array(number, { maxLength: 2 }) },
  ...{ requestRow: fc.nat(), gateFindings: fc.array(text, { maxLength: 2 }), epsilon: number },
});
const message = fc.tuple(counted, rest).map(([a, b]) => serving.Inference.fromPartial({ ...a, ...b }));

function rowOf(all: serving.Inference): Row {
  const { model, modelVersion, championVersion, eventTimeMs, inputNames, inputValues, score, verdict, unit } = all;
  const { requestNames, requestValues, inclusionProbability, attributions } = all;
  return {
    ...{ model, modelVersion, championVersion, eventTimeMs, inputNames, inputValues, score, verdict, unit },
    ...{ requestNames, requestValues, inclusionProbability, attributions },
  };
}

const encoded = (one: serving.Inference): Buffer => Buffer.from(serving.Inference.encode(one).finish());
const general = (bytes: Buffer): Row => rowOf(serving.Inference.decode(bytes));

function tried(decode: () => Row): Row | null {
  try {
    return decode();
  } catch {
    return null;
  }
}

/** What was read, to keep, fast or by the generated code, which reads more. */
const decodedBy = (decoder: RowDecoder, bytes: Buffer): Row =>
  structuredClone(rowOf(decoder.decode(bytes) as serving.Inference));

describe('RowDecoder', () => {
  test('reads what the generated code reads, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (messages) => {
        const decoder = new RowDecoder();
        for (const one of [...messages, ...messages]) {
          const bytes = encoded(one);
          expect(decodedBy(decoder, bytes)).toEqual(general(bytes));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('reads messages that were put together, where singular fields count last and lists go on', () => {
    fc.assert(
      fc.property(message, message, (a, b) => {
        const bytes = Buffer.concat([encoded(a), encoded(b)]);
        expect(decodedBy(new RowDecoder(), bytes)).toEqual(general(bytes));
      }),
    );
  });

  test('messages that are cut off are read as the generated code reads them, or refused', () => {
    fc.assert(
      fc.property(message, fc.nat(), (one, length) => {
        const whole = encoded(one);
        const bytes = whole.subarray(0, length % (whole.length + 1));
        expect(tried(() => decodedBy(new RowDecoder(), bytes))).toEqual(tried(() => general(bytes)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('whatever came before, changed or cut off, good ones are read as the generated code reads them', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), length: fc.nat() });
    fc.assert(
      fc.property(message, fc.array(change, { maxLength: 3 }), fc.boolean(), (one, changes, isCut) => {
        const good = encoded(one);
        let bytes = Buffer.from(good);
        for (const { at, byte, length } of changes) {
          if (bytes.length > 0) bytes[at % bytes.length] = byte;
          if (isCut) bytes = bytes.subarray(0, length % (bytes.length + 1));
        }
        const decoder = new RowDecoder();
        tried(() => decoder.decode(bytes));
        expect(decodedBy(decoder, good)).toEqual(general(good));
      }),
      { numRuns: 2_000 },
    );
  });

  test('a row as a gateway writes it is not left to the generated code', () => {
    const row = inference('d', { eventTimeMs: Date.UTC(2026, 0, 1), temp: 1.5, carrier: 'ä'.repeat(99), score: 0.5 });
    expect(new RowDecoder().decode(encoded({ ...row, unit: 'u', attributions: [1, 2] }))).not.toHaveProperty(
      'decisionId',
    );
  });

  test('a name that was cut off is not taken for the beginning of a longer one', () => {
    const decoder = new RowDecoder();
    expect(() => decoder.decode(Buffer.from([0x5a, 5, 0x61, 0x62]))).toThrow();
    const whole = Buffer.from([0x5a, 5, 0x61, 0x62, 0x63, 0x64, 0x65]);
    expect(decoder.decode(whole).inputNames).toEqual(['abcde']);
  });

  test('bytes that are no prediction are refused', () => {
    expect(() => new RowDecoder().decode(Buffer.from([10, 200]))).toThrow(/premature|index/i);
  });
});
