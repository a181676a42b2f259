import type { OffsetRange } from '@everloop/kafka';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import { createParityBarrier, type KnownGaps, type ParityBarrierOptions } from './parity-barrier.ts';

const topology = topologyOf(tripResources('t'));

/** One partition of every topic: `records` are the offsets of its records, all others before `end` are markers. */
function world(records: readonly number[], end: number) {
  const state = { landed: 0, records, end };
  const read: OffsetRange[] = [];
  const gaps: KnownGaps = new Map();
  const options: ParityBarrierOptions = {
    ...{ topology, gaps },
    history: { landed: async () => state.landed },
    bus: {
      // What lies in the source topics is judged.
      offsets: async (topic) => [{ partition: 0, low: 0n, high: topic.endsWith('.valid') ? BigInt(state.end) : 0n }],
      committed: async () => new Map(),
      readRanges: async (ranges, onRecords) => {
        for (const range of ranges) {
          if (range.topic === 't.planned.valid') read.push(range);
          const within = state.records.filter((offset) => offset >= range.from && offset < range.until);
          const made = within.map((offset) => ({
            ...{ topic: range.topic, partition: 0, offset: BigInt(offset), key: null, value: null, headers: {} },
            timestampMs: 0,
          }));
          if (made.length > 0) await onRecords({ topic: range.topic, partition: 0, records: made });
        }
      },
    },
  };
  const isPassed = async (): Promise<boolean> => (await createParityBarrier(options)).isPassed();
  return { state, read, isPassed };
}

it('is passed behind the last record of a source that is seldom written, however many markers follow, and they are read once', async () => {
  const { state, read, isPassed } = world([0, 1], 50_000);
  expect(await isPassed()).toBe(false);
  expect(read).toHaveLength(1);
  state.landed = 2;
  expect(await isPassed()).toBe(true);
  expect(read.every(({ from, until }) => until - from <= 1_000n)).toBe(true);
  const before = read.length;
  state.end = 50_300;
  expect(await isPassed()).toBe(true);
  expect(read.slice(before).map(({ from, until }) => [from, until])).toEqual([[50_000n, 50_300n]]);
});

it('is passed exactly when no record lies between what has landed and the end, whatever was asked before', async () => {
  const offset = fc.nat({ max: 5_000 });
  const step = fc.record({ landed: offset, grown: fc.nat({ max: 1_500 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(offset, { maxLength: 4 }),
      fc.array(step, { maxLength: 6 }),
      async (records, steps) => {
        const { state, isPassed } = world(
          records.toSorted((a, b) => a - b),
          0,
        );
        for (const { landed, grown } of steps) {
          state.end += grown;
          state.landed = landed;
          const open = records.some((at) => at >= landed && at < state.end);
          expect(await isPassed()).toBe(!open);
        }
      },
    ),
  );
});
