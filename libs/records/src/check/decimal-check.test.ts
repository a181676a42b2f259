import type { FieldContract } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileDecimal } from './decimal-check.ts';
import { Findings } from './findings.ts';

function rulesOf(contract: FieldContract, value: unknown): string[] {
  const findings = new Findings();
  compileDecimal('a', contract)(value, findings, null);
  return findings.reasons.map(({ rule }) => rule);
}

describe('a decimal that is written as a number', () => {
  it.each([
    ['zero has no digit before the point', { precision: 2, scale: 2 }, 0, []],
    ['nor has a part of one', { precision: 2, scale: 2 }, 0.05, []],
    ['one has', { precision: 2, scale: 2 }, 1.05, ['precision']],
    ['negative', { precision: 3, scale: 2, min: -2 }, -1.05, []],
    ['as small as may be', { min: 0.1 }, 0.1, []],
    ['smaller', { min: 0.1 }, 0.09999999999999999, ['min']],
    ['with an exponent', { scale: 2 }, 1e-7, ['scale']],
    ['a large one', { precision: 22 }, 1e21, []],
    ['one of some', { values: [1, 2.5] }, 2.5, []],
    ['none of some', { values: [1, 2.5] }, 2, ['values']],
    ['that JSON has no text for', {}, Infinity, ['type']],
  ] as const)('%s', (_name, contract, value, rules) => {
    const { values, ...limits } = contract as FieldContract & { readonly values?: readonly number[] };
    const full = { ...limits, type: 'decimal' as const, required: true, ...(values === undefined ? {} : { values }) };
    expect(rulesOf(full, value)).toEqual(rules);
  });

  it('is judged as its text is', () => {
    const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const number = fc.oneof(
      fc.double(),
      fc.integer({ min: -1_000, max: 1_000 }),
      fc.integer({ min: -100_000, max: 100_000 }).map((cents) => cents / 100),
    );
    const limits = fc.record({
      precision: some(fc.integer({ min: 1, max: 20 })),
      scale: some(fc.nat(6)),
      min: some(number.filter(Number.isFinite)),
      max: some(number.filter(Number.isFinite)),
    });
    fc.assert(
      fc.property(limits, number, (bounds, value) => {
        const set = Object.entries(bounds).filter(([, bound]) => bound !== undefined);
        const contract = { type: 'decimal', required: true, ...Object.fromEntries(set) } as FieldContract;
        expect(rulesOf(contract, value)).toEqual(rulesOf(contract, String(value)));
      }),
      { numRuns: 2_000 },
    );
  });
});
