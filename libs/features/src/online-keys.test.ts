import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { onlineKeys, readingBy } from './online-keys.ts';
import { keyPartition } from './murmur2.ts';
import { positionKey, rowKey } from './views.ts';

describe('keys of online rows', () => {
  it('are as they are in a store of one node', async () => {
    const keys = onlineKeys(null);
    const key = rowKey('view', 3, 'a:b{c}');
    expect([keys.row(key), keys.bucketOf(key), keys.buckets]).toEqual([key, 0, 1]);
    expect(keys.position('t', 3, 0)).toBe(positionKey('t', 3));
    const mget = async (): Promise<null[]> => [];
    expect(readingBy(keys, mget)).toBe(mget);
  });

  it('carry in a cluster the tag of their bucket, which is also that of its position', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/),
        fc.nat({ max: 500 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 64 }),
        (view, partition, entity, buckets) => {
          const keys = onlineKeys(buckets);
          const key = rowKey(view, partition, entity);
          const bucket = keys.bucketOf(key);
          expect(bucket).toBeLessThan(buckets);
          expect(keys.row(key)).toBe(`evl:f:${view}:{${partition}/${bucket}}:${entity}`);
          expect(keys.position('some.topic', partition, bucket)).toBe(`evl:fo:some.topic:{${partition}/${bucket}}`);
        },
      ),
    );
  });

  it('spread the entities of one partition over all buckets', () => {
    const counts = new Array<number>(32).fill(0);
    const keys = onlineKeys(32);
    const mine = Array.from({ length: 40_000 }, (_, index) => `customer-${index}`).filter(
      (entity) => keyPartition(entity, 8) === 5,
    );
    for (const entity of mine) {
      const bucket = keys.bucketOf(rowKey('v', 5, entity));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    const even = mine.length / 32;
    for (const count of counts) expect(Math.abs(count - even)).toBeLessThan(5 * Math.sqrt(even));
  });

  it('are turned into those of the store on the way to it', async () => {
    const keys = onlineKeys(4);
    const asked: string[] = [];
    const mget = readingBy(keys, async (all) => {
      asked.push(...all);
      return all.map(() => null);
    });
    await mget([rowKey('v', 1, 'x')]);
    expect(asked).toEqual([keys.row(rowKey('v', 1, 'x'))]);
  });
});
