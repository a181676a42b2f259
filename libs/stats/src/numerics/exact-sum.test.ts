import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExactSum } from './exact-sum.ts';

const finite = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.integer(),
  fc.constantFrom(0, -0, Number.MIN_VALUE, -Number.MIN_VALUE, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 53, -1, 1e-320),
);
const terms = fc.array(finite, { maxLength: 60 });

/** A double as a whole number of 2^-1074. */
function whole(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const mantissa = (bits & ((1n << 52n) - 1n)) | (exponent === 0n ? 0n : 1n << 52n);
  const size = exponent === 0n ? mantissa : mantissa << (exponent - 1n);
  return bits >> 63n === 1n ? -size : size;
}

/** The doubles beside x. */
function neighbours(x: number): readonly number[] {
  const view = new DataView(new ArrayBuffer(8));
  return [-1n, 1n].map((step) => {
    view.setFloat64(0, x === 0 ? Number(step) * Number.MIN_VALUE : x);
    if (x !== 0) view.setBigInt64(0, view.getBigInt64(0) + step);
    return view.getFloat64(0);
  });
}

const size = (x: bigint): bigint => (x < 0n ? -x : x);

function summed(values: readonly number[]): ExactSum {
  const sum = new ExactSum();
  for (const value of values) sum.add(value);
  return sum;
}

describe('ExactSum', () => {
  test('no double is nearer to the sum', () => {
    fc.assert(
      fc.property(terms, (values) => {
        const exact = values.reduce((total, value) => total + whole(value), 0n);
        const { value } = summed(values);
        if (!Number.isFinite(value)) return;
        const distance = size(exact - whole(value));
        for (const beside of neighbours(value).filter(Number.isFinite)) {
          expect(size(exact - whole(beside)) >= distance).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('any division, order and way of merging gives the same state', () => {
    fc.assert(
      fc.property(fc.array(terms, { minLength: 1, maxLength: 5 }), (parts) => {
        const all = summed(parts.flat()).state();
        expect(summed(parts.flat().toReversed()).state()).toEqual(all);
        const [forward, backward] = [new ExactSum(), new ExactSum()];
        const states = parts.map((part) => summed(part).state());
        for (const state of states) forward.merge(state);
        for (const state of states.toReversed()) backward.merge(JSON.parse(JSON.stringify(state)) as typeof state);
        expect(forward.state()).toEqual(all);
        expect(backward.state()).toEqual(all);
        expect(Object.is(forward.value, summed(parts.flat()).value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('terms and their opposites leave nothing', () => {
    fc.assert(
      fc.property(terms, (values) => {
        const sum = summed([...values, ...values.map((value) => -value)]);
        expect(sum.value).toBe(0);
        expect(sum.state()).toEqual({ parts: [], first: 0, isNan: false });
      }),
    );
  });

  test('three million terms of both signs', () => {
    const sum = new ExactSum();
    for (let i = 0; i < 3_000_000; i += 1) sum.add(i % 3 === 0 ? -0.1 : 0.1);
    // A third of them are negative: a million times the double next to 0.1, rounded once.
    expect(sum.value).toBe(100_000);
  });

  test('a term that is not finite', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      expect(summed([1, bad]).value).toBeNaN();
      const sum = summed([2]);
      sum.merge(summed([bad]).state());
      expect(sum.value).toBeNaN();
    }
    expect(new ExactSum().value).toBe(0);
  });
});
