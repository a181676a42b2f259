import { drawOf } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareBounds } from './share-bounds.ts';

describe('shareBounds', () => {
  it('are the number itself where all is logged, and from zero where nothing is', () => {
    expect(shareBounds(new Map([[1, 40]]))).toEqual({ low: 40, high: 40 });
    expect(shareBounds(new Map())).toEqual({ low: 0, high: 0 });
    const { low, high } = shareBounds(new Map([[0.1, 0]]));
    expect(low).toBe(0);
    // (1 - 0.1)^R falls below 10^-9 at R = 196.7.
    expect(high).toBe(197);
    // One that is logged was made, and 2 of 3 are logged by chance far more often than that, also at 0.001.
    expect(shareBounds(new Map([[0.001, 2]])).low).toBe(2);
  });

  it('add up over shares', () => {
    const [one, other] = [shareBounds(new Map([[0.1, 100]])), shareBounds(new Map([[0.5, 100]]))];
    const both = shareBounds(
      new Map([
        [0.1, 100],
        [0.5, 100],
        [1, 7],
      ]),
    );
    expect(Math.abs(both.low - one.low - other.low - 7)).toBeLessThanOrEqual(1);
    expect(Math.abs(both.high - one.high - other.high - 7)).toBeLessThanOrEqual(1);
  });

  it('have the truth within them, whatever the share and the number', () => {
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, fc.nat(2_000), fc.string(), (probability, made, seed) => {
        let logged = 0;
        for (let n = 0; n < made; n += 1) if (drawOf(seed, String(n)) < probability) logged += 1;
        const { low, high } = shareBounds(new Map([[probability, logged]]));
        expect(low).toBeLessThanOrEqual(made);
        expect(high).toBeGreaterThanOrEqual(made);
      }),
      { numRuns: 60 },
    );
  });

  it('are as narrow as the number allows', () => {
    const { low, high } = shareBounds(new Map([[0.1, 100_000]]));
    expect(low).toBeGreaterThan(980_000);
    expect(high).toBeLessThan(1_020_000);
  });
});
