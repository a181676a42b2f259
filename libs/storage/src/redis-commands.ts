import type { Cluster, Redis } from 'ioredis';

import { ServiceError } from '@everloop/service';

import type { RedisEntry, RedisGuard } from './redis-types.ts';

/** Keys of one MGET; at some 0.3 µs each, Redis is held up for less than a millisecond. */
export const keysPerCommandMax = 2_000;

const guardedSet = `
local n = tonumber(ARGV[1])
for i = 1, n do
  local now = redis.call('GET', KEYS[i])
  local expected, next = ARGV[3 * i - 1], ARGV[3 * i]
  local absent = ARGV[3 * i + 1] == '1'
  local matches = (absent and not now) or (not absent and now == expected)
  if not matches and now ~= next then return i end
end
for i = 1, n do redis.call('SET', KEYS[i], ARGV[3 * i]) end
local at = 3 * n + 2
for i = n + 1, #KEYS do
  local px = ARGV[at + 1]
  if px == '' then redis.call('SET', KEYS[i], ARGV[at]) else redis.call('SET', KEYS[i], ARGV[at], 'PX', px) end
  at = at + 2
end
return 0`;

/** A connection to one node, or to a cluster. */
export type RedisClient = Redis | Cluster;

/** MULTI: all entries or none. */
export async function setMany(client: RedisClient, entries: readonly RedisEntry[]): Promise<void> {
  const multi = client.multi();
  for (const [key, value, pxMs] of entries) {
    if (pxMs === undefined) multi.set(key, value);
    else multi.set(key, value, 'PX', pxMs);
  }
  const replies = await multi.exec();
  for (const [error] of replies ?? []) if (error !== null) throw error;
}

/** Number of the first guard that did not hold, counted from 1; 0 when everything was written. */
export async function evaluateGuarded(
  client: RedisClient,
  entries: readonly RedisEntry[],
  guards: readonly RedisGuard[],
): Promise<number> {
  const keys = [...guards.map((guard) => guard.key), ...entries.map(([key]) => key)];
  const values: (string | Buffer)[] = [String(guards.length)];
  for (const guard of guards) values.push(guard.expected ?? '', guard.next, guard.expected === null ? '1' : '0');
  for (const [, value, pxMs] of entries) values.push(value, pxMs === undefined ? '' : String(pxMs));
  return Number(await client.eval(guardedSet, keys.length, ...keys, ...values));
}

/** Redis' answer to a command that it will not run. */
export function refused(where: string, cause: unknown): ServiceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const passing = /^(MISCONF|OOM)\b/.test(text);
  return new ServiceError({
    code: 'EVL_STORAGE_REDIS_REFUSED',
    kind: passing ? 'retryable' : 'terminal',
    message: `Redis at ${where} refused a command: ${text}; check its memory, disk, access rights and version (7 or newer)`,
    cause,
  });
}

export function fenced(where: string, key: string): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_REDIS_FENCED',
    kind: 'retryable',
    message: `Redis at ${where} does not hold the expected value of ${key}: another writer took over or Redis lost its data; start again from what is stored`,
  });
}
