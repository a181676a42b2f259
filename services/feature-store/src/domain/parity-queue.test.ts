import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ParityQueue, ParityRatio, type ParityItem } from './parity-queue.ts';

function item(partition: number, offset: number): ParityItem {
  const inference = {
    decisionId: `${partition}/${offset}`,
    model: 'm',
    joinKey: 'k',
    eventTimeMs: 0,
    inputNames: [],
    inputValues: [],
    requestNames: [],
    requestValues: [],
    latencyUs: 0,
    featuresUnreachable: false,
  };
  return { partition, offset: BigInt(offset), servedAtMs: 0, inference };
}

describe('ParityQueue', () => {
  it('drops the oldest, and says how many', () => {
    const queue = new ParityQueue(2);
    expect(queue.add(0, [item(0, 1)], 2n)).toBe(0);
    expect(queue.add(1, [item(1, 5), item(1, 6), item(1, 7)], 8n)).toBe(2);
    expect(queue.oldest(queue.next, 10).map(({ offset }) => offset)).toEqual([6n, 7n]);
  });

  it('gives only what came before a mark', () => {
    const queue = new ParityQueue(10);
    queue.add(0, [item(0, 1), item(0, 2)], 3n);
    const mark = queue.next;
    queue.add(0, [item(0, 3)], 4n);
    expect(queue.oldest(mark, 10)).toHaveLength(2);
    expect(queue.oldest(mark, 1)).toHaveLength(1);
  });

  it('goes on at the oldest that waits, or after what was looked at', () => {
    const queue = new ParityQueue(10);
    queue.add(0, [item(0, 4), item(0, 9)], 12n);
    queue.add(1, [], 7n);
    expect([...queue.positions()]).toEqual([
      [0, 4n],
      [1, 7n],
    ]);
    queue.remove(queue.oldest(queue.next, 1));
    expect(queue.positions().get(0)).toBe(9n);
    queue.release(0);
    expect([...queue.positions().keys()]).toEqual([1]);
    expect(queue.size).toBe(0);
  });

  it('never passes over what waits, whatever is added and removed', () => {
    const step = fc.record({ partition: fc.nat(2), count: fc.nat(4), remove: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const queue = new ParityQueue(6);
        const next = [0, 0, 0];
        for (const { partition, count, remove } of steps) {
          const from = next[partition] ?? 0;
          const items = Array.from({ length: count }, (_, index) => item(partition, from + index));
          next[partition] = from + count + 1;
          queue.add(partition, items, BigInt(from + count + 1));
          queue.remove(queue.oldest(queue.next, remove));
          expect(queue.size).toBeLessThanOrEqual(6);
          for (const { partition: of, offset } of queue.oldest(queue.next, 100))
            expect(queue.positions().get(of)).toBeLessThanOrEqual(offset);
        }
      }),
    );
  });
});

describe('ParityRatio', () => {
  it('is 1 without a prediction', () => {
    expect(new ParityRatio(3).value).toBe(1);
  });

  it('forgets a difference after its number of predictions', () => {
    const ratio = new ParityRatio(4);
    ratio.add(false);
    ratio.add(true);
    expect(ratio.value).toBe(0.5);
    for (let count = 0; count < 20; count += 1) ratio.add(true);
    expect(ratio.value).toBe(1);
  });
});
