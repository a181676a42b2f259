import { encodeRow, positionKey, type CompiledView } from '@everloop/features';
import type { RedisEntry, RedisStore } from '@everloop/storage';

import type { OnlinePosition, OnlineRows } from '../ports.ts';

/** Wall-clock life of a row since its last event: at least `rowLifeMs`, and twice what reads may still ask for. */
function lifeMs(view: CompiledView, rowLifeMs: number): number {
  return Math.max(rowLifeMs, 2 * (view.ttlMs + view.readBehindMs + view.longestWindowMs));
}

/** Text `<next offset>;<fingerprint>`; another fingerprint means that the rows are of other definitions. */
function parse(token: Buffer | null, fingerprint: string): OnlinePosition {
  const text = token?.toString() ?? '';
  const semicolon = text.indexOf(';');
  const next = Number(text.slice(0, Math.max(0, semicolon)));
  const usable = semicolon > 0 && text.slice(semicolon + 1) === fingerprint && Number.isSafeInteger(next);
  return { nextOffset: usable ? next : 0, token };
}

/** Online rows in Redis; rows and position change in one guarded step. */
export function createRedisOnlineRows(redis: RedisStore, rowLifeMs: number): OnlineRows {
  return {
    async position(topic, partition, fingerprint) {
      return parse(await redis.getBuffer(positionKey(topic, partition)), fingerprint);
    },
    load: (keys) => redis.mgetBuffer(keys),
    async store(writes, at, move) {
      const entries = writes.map(({ key, view, row }): RedisEntry => [
        key,
        encodeRow(view, row),
        lifeMs(view, rowLifeMs),
      ]);
      const next = Buffer.from(`${move.nextOffset};${at.fingerprint}`);
      const guard = { key: positionKey(at.topic, at.partition), expected: move.before.token, next };
      await redis.setManyGuarded(entries, [guard]);
      return { nextOffset: move.nextOffset, token: next };
    },
  };
}
