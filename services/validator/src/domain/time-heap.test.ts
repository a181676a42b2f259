import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TimeHeap } from './time-heap.ts';

it('gives back everything in order of time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (times) => {
      const heap = new TimeHeap<{ readonly timeMs: number }>();
      for (const timeMs of times) heap.add({ timeMs });
      expect(heap.oldest?.timeMs).toBe(times.length === 0 ? undefined : Math.min(...times));
      const taken = times.map(() => heap.take()?.timeMs);
      expect(taken).toEqual(times.toSorted((a, b) => a - b));
      expect([heap.size, heap.take()]).toEqual([0, undefined]);
    }),
  );
});
