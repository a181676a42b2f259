import { encodeRow, onlineKeys, type CompiledView } from '@everloop/features';
import type { RedisEntry, RedisStore } from '@everloop/storage';

import type { BucketPosition, OnlinePosition, OnlineRows, RowWrite } from '../ports.ts';

/** Wall-clock life of a row since its last event: at least `rowLifeMs`, and twice what reads may still ask for. */
function lifeMs(view: CompiledView, rowLifeMs: number): number {
  return Math.max(rowLifeMs, 2 * (view.ttlMs + view.readBehindMs + view.longestWindowMs));
}

/** Text `<next offset>;<fingerprint>`; another fingerprint means that the rows are of other definitions. */
function parse(token: Buffer | null, fingerprint: string): BucketPosition {
  const text = token?.toString() ?? '';
  const semicolon = text.indexOf(';');
  const next = Number(text.slice(0, Math.max(0, semicolon)));
  const usable = semicolon > 0 && text.slice(semicolon + 1) === fingerprint && Number.isSafeInteger(next);
  return { nextOffset: usable ? next : 0, token };
}

function positionOf(buckets: readonly BucketPosition[]): OnlinePosition {
  return { nextOffset: Math.min(...buckets.map(({ nextOffset }) => nextOffset)), buckets };
}

/** Online rows in Redis; the rows and the position of a bucket change in one guarded step. */
export function createRedisOnlineRows(redis: RedisStore, rowLifeMs: number): OnlineRows {
  const keys = onlineKeys(redis.buckets);
  const positionsOf = (topic: string, partition: number): string[] =>
    Array.from({ length: keys.buckets }, (_, bucket) => keys.position(topic, partition, bucket));

  function entriesByBucket(writes: readonly RowWrite[]): RedisEntry[][] {
    const entries = Array.from({ length: keys.buckets }, (): RedisEntry[] => []);
    for (const { key, view, row } of writes)
      entries[keys.bucketOf(key)]?.push([keys.row(key), encodeRow(view, row), lifeMs(view, rowLifeMs)]);
    return entries;
  }

  return {
    bucketOf: (key) => keys.bucketOf(key),
    async position(topic, partition, fingerprint) {
      const tokens = await redis.mgetBuffer(positionsOf(topic, partition));
      return positionOf(tokens.map((token) => parse(token, fingerprint)));
    },
    load: (rows) => redis.mgetBuffer(rows.map((key) => keys.row(key))),
    async store(writes, at, move) {
      const next = Buffer.from(`${move.nextOffset};${at.fingerprint}`);
      const entries = entriesByBucket(writes);
      const moved = positionsOf(at.topic, at.partition).map(async (key, bucket): Promise<BucketPosition> => {
        const before = move.before.buckets[bucket] ?? { nextOffset: 0, token: null };
        if (before.nextOffset >= move.nextOffset) return before;
        await redis.setManyGuarded(entries[bucket] ?? [], [{ key, expected: before.token, next }]);
        return { nextOffset: move.nextOffset, token: next };
      });
      return positionOf(await settled(moved));
    },
    async replace(writes, at, position) {
      const entries = entriesByBucket(writes);
      const guarded = positionsOf(at.topic, at.partition).map(async (key, bucket) => {
        const token = position.buckets[bucket]?.token ?? null;
        const mine = entries[bucket] ?? [];
        // A bucket without position holds nothing that could be replaced.
        if (token !== null && mine.length > 0)
          await redis.setManyGuarded(mine, [{ key, expected: token, next: token }]);
      });
      await settled(guarded);
    },
  };
}

/** All results, or the first error once nothing is under way any more. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
