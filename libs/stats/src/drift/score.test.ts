import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { driftScore } from './score.ts';

const field = fc.record({
  importance: fc.double({ min: 0, max: 10, noNaN: true }),
  psi: fc.double({ min: 0, max: 2, noNaN: true }),
  psiCritical: fc.double({ min: 0, max: 0.5, noNaN: true }),
});

describe('score of a model', () => {
  test('does not depend on the order of the fields nor on the unit of importance, and is at most the largest excess', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 12 }), (fields) => {
        const named = fields.map((one, i) => ({ ...one, field: `f${i}` }));
        const { score, parts } = driftScore(named);
        expect(driftScore(named.toReversed())).toEqual(driftScore(named));
        expect(driftScore(named.map((one) => ({ ...one, importance: 8 * one.importance }))).score).toBeCloseTo(
          score,
          9,
        );
        const most = Math.max(...fields.map(({ psi, psiCritical }) => Math.max(0, psi - psiCritical)));
        expect(score).toBeLessThanOrEqual(most + 1e-12);
        expect(parts.every(({ part }, i) => part <= (parts[i - 1]?.part ?? Infinity))).toBe(true);
      }),
    );
  });

  test.each([
    ['nothing', [], 0],
    ['chance alone', [{ field: 'a', importance: 1, psi: 0.1, psiCritical: 0.2 }], 0],
    [
      'no importances: all alike',
      [
        { field: 'a', importance: 0, psi: 0.5, psiCritical: 0.1 },
        { field: 'b', importance: 0, psi: 0, psiCritical: 0.1 },
      ],
      0.2,
    ],
  ])('%s', (_, fields, score) => {
    expect(driftScore(fields).score).toBeCloseTo(score, 12);
  });
});
