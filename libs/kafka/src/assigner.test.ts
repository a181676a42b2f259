import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignPartitions } from './assigner.ts';

const members = fc.uniqueArray(
  fc.record({ memberId: fc.string({ minLength: 1 }), before: fc.array(fc.nat(20), { maxLength: 12 }) }),
  {
    selector: (m) => m.memberId,
    minLength: 1,
    maxLength: 6,
  },
);

describe('assignPartitions', () => {
  it('gives each number to exactly one member, evenly', () => {
    fc.assert(
      fc.property(members, fc.nat(16), (ms, partitions) => {
        const assigned = [...assignPartitions(ms, partitions).values()];
        expect(assigned.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, p) => p));
        const sizes = assigned.map((a) => a.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('depends on the members, not on their order', () => {
    fc.assert(
      fc.property(members, fc.nat(16), (ms, partitions) => {
        expect(assignPartitions([...ms].reverse(), partitions)).toEqual(assignPartitions(ms, partitions));
      }),
    );
  });

  it('changes nothing when the members hold an even assignment already', () => {
    fc.assert(
      fc.property(members, fc.nat(16), (ms, partitions) => {
        const first = assignPartitions(ms, partitions);
        const again = assignPartitions(
          ms.map((m) => ({ ...m, before: first.get(m.memberId) ?? [] })),
          partitions,
        );
        expect(again).toEqual(first);
      }),
    );
  });

  it('moves only what it must when a member joins', () => {
    const assigned = assignPartitions(
      [
        { memberId: 'a', before: [0, 1, 2, 3] },
        { memberId: 'b', before: [] },
      ],
      4,
    );
    expect([assigned.get('a'), assigned.get('b')]).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});
