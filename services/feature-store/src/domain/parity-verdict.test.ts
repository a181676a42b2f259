import type { serving } from '@everloop/contracts';
import { isSameValue } from '@everloop/features';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { verdictOf } from './parity-verdict.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const difference = { feature: 'f', served: number(1), again: number(2) };

describe('verdictOf', () => {
  it.each([
    ['late: a record came just after it was read', 1, 2, 'late'],
    ['late: a record came a while after it was read', 1, 1, 'late'],
    ['late: a record came just before it was read', 2, 1, 'late'],
    ['different: nothing came, and it should have been another one', 2, 2, 'differences'],
    ['different: what came has no part in it', 3, 3, 'differences'],
    ['undecided: several records came meanwhile', 3, 2, 'undecided'],
  ] as const)('calls a value %s', (_name, before, after, kind) => {
    const verdict = verdictOf(5, [difference], () => ({ before: number(before), after: number(after) }));
    expect(verdict[kind]).toEqual([difference]);
    expect(verdict.differences.length + verdict.late.length + verdict.undecided.length).toBe(1);
    expect(verdict.values).toBe(kind === 'undecided' ? 4 : 5);
  });

  it('leaves it undecided where it is not known what the rows held', () => {
    expect(verdictOf(5, [difference], () => null)).toMatchObject({ values: 4, undecided: [difference] });
  });

  it('has nothing to say where nothing differs', () => {
    expect(verdictOf(5, [], () => null)).toEqual({ values: 5, differences: [], late: [], undecided: [] });
  });

  it('puts each value into one place, and blames none that the rows could have given', () => {
    const value = fc.nat(3).map(number);
    fc.assert(
      fc.property(fc.array(fc.record({ served: value, before: value, after: value }), { maxLength: 8 }), (cases) => {
        const found = cases.map(({ served }, index) => ({ feature: `f${index}`, served, again: number(9) }));
        const { differences, late, undecided, values } = verdictOf(20, found, (feature) => {
          const { before, after } = cases[Number(feature.slice(1))] ?? { before: undefined, after: undefined };
          return { before, after };
        });
        expect(differences.length + late.length + undecided.length).toBe(found.length);
        expect(values).toBe(20 - undecided.length);
        for (const { feature, served } of differences) {
          const { before, after } = cases[Number(feature.slice(1))] ?? {};
          expect(isSameValue(served, before) || isSameValue(served, after)).toBe(false);
        }
      }),
    );
  });
});
