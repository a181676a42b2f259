import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BusRecord } from './bus.ts';
import { portions } from './portions.ts';
import type { Fetched } from './reader.ts';

/** A fetch of the given offsets that went on to `nextOffset`, behind records that nobody sees. */
function fetched(topic: string, offsets: readonly number[], nextOffset: number): Fetched {
  const records = offsets.map((offset): BusRecord => ({
    ...{ topic, partition: 1, offset: BigInt(offset), key: null, value: null, headers: {}, timestampMs: 0 },
  }));
  const from = BigInt(offsets[0] ?? 0);
  return { topic, partition: 1, from, nextOffset: BigInt(nextOffset), hasMore: false, records };
}

const shown = (parts: Iterable<readonly Fetched[]>) =>
  [...parts].map((part) =>
    part.map(({ topic, from, records, nextOffset }) => [
      topic,
      Number(from),
      records.map(({ offset }) => Number(offset)),
      Number(nextOffset),
    ]),
  );

describe('portions', () => {
  it('are what was fetched where that is not too much, also where it has no records', () => {
    const all = [fetched('a', [4, 5], 9), fetched('b', [], 3)];
    expect([...portions(all, 2)]).toEqual([all]);
    expect([...portions(all, Infinity)]).toEqual([all]);
    expect([...portions([], 2)]).toEqual([]);
  });

  it('end before the next record, the last where the fetch did; an input without more is only in the first', () => {
    expect(shown(portions([fetched('a', [4, 5, 8, 9, 11], 15), fetched('b', [1], 3)], 2))).toEqual([
      [
        ['a', 4, [4, 5], 8],
        ['b', 1, [1], 3],
      ],
      [['a', 8, [8, 9], 11]],
      [['a', 11, [11], 15]],
    ]);
  });

  it('have every record once, in order, and follow one another without a gap', () => {
    const offsets = fc.uniqueArray(fc.nat(200), { maxLength: 40 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(offsets, { maxLength: 3 }), fc.integer({ min: 1, max: 9 }), (inputs, recordsMax) => {
        const parts = [
          ...portions(
            inputs.map((each, n) => fetched(`t${n}`, each, 300)),
            recordsMax,
          ),
        ];
        inputs.forEach((each, n) => {
          const mine = parts.flat().filter(({ topic }) => topic === `t${n}`);
          expect(mine.flatMap(({ records }) => records.map(({ offset }) => Number(offset)))).toEqual(each);
          expect(mine.every(({ records }) => records.length <= recordsMax)).toBe(true);
          expect(mine.slice(1).map(({ from }) => from)).toEqual(mine.slice(0, -1).map(({ nextOffset }) => nextOffset));
          expect(mine.at(-1)?.nextOffset).toBe(300n);
        });
      }),
    );
  });
});
