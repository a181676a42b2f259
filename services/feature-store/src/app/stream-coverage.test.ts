import type { Bus, BusRecord } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import { createStreamCoverage } from './stream-coverage.ts';

const topology = topologyOf(tripResources('t'));
const work = topology.work.get('t.arrived.valid');
const views = (work?.views ?? []).map(({ name }) => name);

/** A topic whose partition 0 ends at `high` with records at `offsets`, and rows that have reached `positions`, one look after the other. */
function coverageOf(high: number, offsets: readonly number[], positions: readonly number[], waitMs = 5_000) {
  const reads: [bigint, bigint][] = [];
  let looks = 0;
  const bus: Pick<Bus, 'offsets' | 'readRanges'> = {
    offsets: async (topic) => (topic === work?.topic ? [{ partition: 0, low: 0n, high: BigInt(high) }] : []),
    async readRanges(ranges, onRecords) {
      for (const { topic, partition, from, until } of ranges) {
        reads.push([from, until]);
        const records = offsets
          .map(BigInt)
          .filter((offset) => offset >= from && offset < until)
          .map((offset) => ({ topic, partition, offset }) as BusRecord);
        await onRecords({ topic, partition, records });
      }
    },
  };
  const rows = {
    async position() {
      const nextOffset = positions[Math.min(looks, positions.length - 1)] ?? 0;
      looks += 1;
      return { nextOffset, buckets: [] };
    },
  };
  const covered = createStreamCoverage({ bus, rows, topology: () => topology, waitMs });
  return { covered, reads, looks: () => looks };
}

describe('whether the stream covers what there is', () => {
  it('it does when the rows have reached the end', async () => {
    const { covered, reads } = coverageOf(7, [0, 3, 6], [7]);
    await covered(views);
    expect(reads).toEqual([]);
  });

  it('marks at the end are no records', async () => {
    const { covered, looks } = coverageOf(9, [0, 3, 6], [7]);
    await covered(views);
    expect(looks()).toBe(1);
  });

  it('waits for records that are not applied yet, and reads them once', async () => {
    const { covered, reads } = coverageOf(9, [0, 3, 6], [2, 4, 7]);
    await covered(views);
    expect(reads).toEqual([[2n, 9n]]);
  });

  it('does not read a range that is too long, and says what is missing when the time is over', async () => {
    const { covered, reads } = coverageOf(20_000, [], [5], 0);
    await expect(covered(views)).rejects.toMatchObject({
      code: 'EVL_FEATURES_STREAM_BEHIND',
      kind: 'retryable',
      message: expect.stringContaining('t.arrived.valid/0') as string,
    });
    expect(reads).toEqual([]);
  });

  it('other views do not matter', async () => {
    const { covered, looks } = coverageOf(9, [8], [0], 0);
    await covered(['somebody']);
    expect(looks()).toBe(0);
  });
});
