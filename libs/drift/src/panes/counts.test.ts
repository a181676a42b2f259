import { drift } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addPane, denseCounts, emptyPane, predictionsOf, sparseCounts, unitsMax } from './counts.ts';

const counts = fc.array(fc.nat(5), { minLength: 6, maxLength: 6 });
/** More units than are kept, so that some panes are incomplete. */
const units = fc.option(fc.record({ from: fc.nat(3_000), n: fc.integer({ min: 1, max: unitsMax }) }), {
  nil: undefined,
});

const panes: fc.Arbitrary<drift.Pane> = fc
  .record({ a: counts, b: fc.option(counts), missing: fc.nat(3), rows: fc.nat(9), units })
  .map(({ a, b, missing, rows, units: range }) => ({
    ...emptyPane('m', '1', 0, 1),
    rows,
    predictionsMicro: rows * 2e6 + 1,
    fields: [sparseCounts('a', a, missing), ...(b === null ? [] : [sparseCounts('b', b, 0)])],
    units:
      range === undefined
        ? undefined
        : {
            hashes: Array.from({ length: range.n }, (_, i) => range.from + i),
            counts: Array.from({ length: range.n }, (_, i) => 1 + (i % 3)),
            incomplete: false,
          },
  }));

function copy(pane: drift.Pane): drift.Pane {
  return drift.Pane.decode(drift.Pane.encode(pane).finish());
}

function sum(...all: readonly drift.Pane[]): drift.Pane {
  const into = emptyPane('m', '1', 0, 1);
  // An empty pane stands for no predictions, whatever its encoding.
  for (const pane of all) addPane(into, copy(pane));
  into.fields.sort((a, b) => (a.field < b.field ? -1 : 1));
  return into;
}

describe('merging panes', () => {
  test('is commutative', () => {
    fc.assert(
      fc.property(panes, panes, (a, b) => {
        expect(sum(a, b)).toEqual(sum(b, a));
      }),
      { numRuns: 50 },
    );
  });

  test('is associative, also when units are too many to be kept', () => {
    fc.assert(
      fc.property(panes, panes, panes, (a, b, c) => {
        expect(sum(sum(a, b), c)).toEqual(sum(a, sum(b, c)));
      }),
      { numRuns: 50 },
    );
  });

  test('leaves what is added as it was', () => {
    fc.assert(
      fc.property(panes, panes, panes, (a, b, c) => {
        const before = copy(b);
        const into = copy(a);
        addPane(into, b);
        addPane(into, c);
        expect(copy(b)).toEqual(before);
      }),
      { numRuns: 30 },
    );
  });

  test('keeps the units with the smallest hashes, each with its exact count, and says that some are missing', () => {
    const range = (from: number): drift.UnitCounts => ({
      hashes: Array.from({ length: unitsMax }, (_, i) => from + i),
      counts: Array.from({ length: unitsMax }, () => 1),
      incomplete: false,
    });
    const into = { ...emptyPane('m', '1', 0, 1), units: range(10) };
    addPane(into, { ...emptyPane('m', '1', 0, 1), units: range(0) });
    expect(into.units.incomplete).toBe(true);
    expect([into.units.hashes.length, into.units.hashes[0], into.units.hashes.at(-1)]).toEqual([
      unitsMax,
      0,
      unitsMax - 1,
    ]);
    expect(into.units.counts.slice(0, 12)).toEqual([...Array.from({ length: 10 }, () => 1), 2, 2]);
  });
});

test('sparse counts are the dense ones without what is empty', () => {
  fc.assert(
    fc.property(counts, (dense) => {
      const sparse = sparseCounts('a', dense, 0);
      expect(sparse.counts.every((count) => count > 0)).toBe(true);
      expect(denseCounts(sparse, dense.length)).toEqual(dense);
    }),
  );
});

test('predictions of panes of a share of the log', () => {
  expect(predictionsOf({ ...emptyPane('m', '1', 0, 1), rows: 2, predictionsMicro: 20_000_000 })).toBe(20);
  expect(predictionsOf({ ...emptyPane('m', '1', 0, 1), rows: 2 })).toBe(2);
});
