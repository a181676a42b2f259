import { describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import { lookAtApplied } from './applied-look.ts';

const topology = topologyOf(tripResources('t'));

describe('a look at what is applied', () => {
  it('has the smallest and the largest position of the buckets of each partition, and when it began and ended', async () => {
    let atMs = 100;
    const look = await lookAtApplied(
      {
        position: (topic, partition) => {
          const buckets = [5, 9].map((offset) => ({ nextOffset: offset + partition, token: null }));
          return Promise.resolve({ nextOffset: 0, buckets: topic === 't.planned.valid' ? buckets : buckets.slice(1) });
        },
      },
      topology,
      () => atMs++,
    );
    expect([look.untilMs, look.fromMs]).toEqual([100, 101]);
    expect(look.floor).toEqual(
      new Map([
        ['t.planned.valid', [5, 6]],
        ['t.arrived.valid', [9, 10]],
      ]),
    );
    expect(look.ceiling.get('t.planned.valid')).toEqual([9, 10]);
  });

  it('rejects while the store cannot be asked', async () => {
    const away = { position: () => Promise.reject(new Error('away')) };
    await expect(lookAtApplied(away, topology, () => 0)).rejects.toThrow('away');
  });
});
