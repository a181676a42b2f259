import { features } from '@everloop/contracts';
import type { BatchColumn } from '@everloop/features';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { OnlineAnswer } from '../app/online-calls.ts';
import { encodeOnlineAnswer } from './encode-online-answer.ts';

const whole = fc.oneof(fc.constantFrom(0, 127, 128, 16_384, 2 ** 53 - 1), fc.integer({ min: 0, max: 2 ** 53 - 1 }));
const text = fc.string({ unit: 'grapheme', maxLength: 200 });

function column(rows: number): fc.Arbitrary<BatchColumn> {
  const sized = { minLength: rows, maxLength: rows };
  const common = {
    name: text,
    view: fc.integer({ min: -1, max: 300 }),
    statuses: fc.uint8Array({ ...sized, min: 1, max: 4 }),
  };
  return fc.oneof(
    fc.record({ ...common, numbers: fc.float64Array(sized), texts: fc.constant(null) }),
    fc.record({ ...common, numbers: fc.constant(null), texts: fc.array(fc.option(text), sized) }),
  );
}

const answers = fc.integer({ min: 0, max: 60 }).chain((rows): fc.Arbitrary<OnlineAnswer> =>
  fc.record({
    rows: fc.constant(rows),
    asOfMs: whole,
    watermarkMs: fc.option(whole),
    columns: fc.array(column(rows), { maxLength: 5 }),
    views: fc.constant([
      { name: 'first', eventMs: new Float64Array(rows).fill(Number.NaN) },
      { name: 'Ärger', eventMs: Float64Array.from({ length: rows }, (_, row) => row * 1e12) },
    ]),
    definitions: fc.tuple(
      fc.record({ revision: whole, digest: fc.constantFrom('', 'f'.repeat(64)) }),
      fc.record({ revision: fc.constant(1), digest: fc.constant('0a') }),
    ),
  }),
);

it('writes what the generated code reads', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const decoded = features.GetOnlineBatchResponse.decode(encodeOnlineAnswer(answer));
      expect(decoded).toEqual({
        asOfMs: answer.asOfMs,
        watermarkMs: answer.watermarkMs ?? 0,
        features: answer.columns.map(({ name, view, numbers, texts, statuses }) => ({
          name,
          view,
          numbers: [...(numbers ?? [])],
          texts: (texts ?? []).map((each) => each ?? ''),
          statuses: Buffer.from(statuses),
        })),
        views: answer.views.map(({ name, eventMs }, index) => ({
          name,
          ...answer.definitions[index],
          eventMs: [...eventMs],
        })),
      });
    }),
    { numRuns: 300 },
  );
});
