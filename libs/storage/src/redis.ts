import { Redis } from 'ioredis';

import type { Part } from '@everloop/service';

import { JoinedReads } from './joined-reads.ts';
import { createRedisCluster } from './redis-cluster.ts';
import { evaluateGuarded, fenced, keysPerCommandMax, setMany } from './redis-commands.ts';
import { RedisConnection } from './redis-connection.ts';
import { readRedisUrl } from './redis-url.ts';
import type { RedisOptions, RedisStore } from './redis-types.ts';

export type { RedisEntry, RedisGuard, RedisOptions, RedisStore } from './redis-types.ts';

/**
 * The connection to one Redis, or to the nodes of a cluster, as the address says; reconnects for ever with a back-off of 50 ms to 2 s.
 * `start` waits for the first connection. EVL_STORAGE_REDIS_URL when the address cannot be understood.
 */
export function createRedis(options: RedisOptions): RedisStore & Part {
  const address = readRedisUrl(options.url);
  return address.kind === 'cluster' ? createRedisCluster(options, address) : createSingle(options);
}

function createSingle(options: RedisOptions): RedisStore & Part {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const client = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(2_000, 25 * 2 ** Math.min(attempt, 7)),
  });
  const connection = new RedisConnection(client, options, timeoutMs);
  const reads = new JoinedReads((keys) => client.mgetBuffer(keys), keysPerCommandMax);
  return {
    name: options.name,
    buckets: null,
    start: () => connection.start(),
    stop: () => connection.stop(),
    health: () => connection.health(),
    mgetBuffer: (keys) => (keys.length === 0 ? Promise.resolve([]) : connection.call(() => reads.read(keys))),
    getBuffer: (key) => connection.call(() => client.getBuffer(key)),
    async setManyAtomic(entries) {
      if (entries.length > 0) await connection.call(() => setMany(client, entries));
    },
    async setManyGuarded(entries, guards) {
      const failed = await connection.call(() => evaluateGuarded(client, entries, guards));
      if (failed !== 0) throw fenced(connection.where, guards[failed - 1]?.key ?? '');
    },
    async del(keys) {
      if (keys.length > 0) await connection.call(() => client.del([...keys]));
    },
    async ping() {
      await connection.call(() => client.ping());
    },
  };
}
