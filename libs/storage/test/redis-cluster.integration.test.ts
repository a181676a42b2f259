import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalRedisCluster, type LocalRedisCluster } from '@everloop/local';
import { createLogger } from '@everloop/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { createRedis } from '../src/index.ts';
import { redisSlot } from '../src/redis-slot.ts';

const logger = createLogger({ service: 'storage-test', level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'evl-storage-cluster-'));
let cluster: LocalRedisCluster;
let redis: ReturnType<typeof createRedis>;

beforeAll(async () => {
  cluster = await startLocalRedisCluster({ dir, log: () => undefined });
});
afterEach(() => redis.stop());
beforeEach(async () => {
  redis = createRedis({ url: cluster.url, logger, name: 'redis', timeoutMs: 10_000 });
  await redis.start();
});
afterAll(async () => {
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

const bulk = (answer: string | undefined): string => answer?.split('\r\n')[1] ?? '';

/** Index of the node that had the key's slot in the beginning. */
function ownerOf(key: string): number {
  return Math.min(2, Math.floor(redisSlot(key) / 5_461));
}

it('gives values of all nodes in the order of the keys', async () => {
  expect(redis.buckets).toBe(32);
  expect(redis.health?.()).toEqual({ ok: true });
  const keys = Array.from({ length: 200 }, (_, index) => `{${index % 40}}:${index}`);
  expect([...new Set(keys.map(ownerOf))].sort()).toEqual([0, 1, 2]);
  for (const key of keys) await redis.setManyAtomic([[key, Buffer.from(key), 60_000]]);
  const asked = [...keys.toReversed(), 'absent', keys[7] ?? ''];
  const found = await redis.mgetBuffer(asked);
  expect(found.map((value) => value?.toString() ?? null)).toEqual(asked.map((key) => (key === 'absent' ? null : key)));
  await redis.del(keys);
  expect((await redis.mgetBuffer(keys)).every((value) => value === null)).toBe(true);
  await redis.ping();
});

it('writes guarded within a tag, and says what is not in one', async () => {
  const guard = { key: '{g}:position', expected: null, next: Buffer.from('1') };
  await redis.setManyGuarded([['{g}:row', Buffer.from('one')]], [guard]);
  await expect(
    redis.setManyGuarded([['{g}:row', Buffer.from('two')]], [{ ...guard, next: Buffer.from('2') }]),
  ).rejects.toMatchObject({ code: 'EVL_STORAGE_REDIS_FENCED' });
  expect((await redis.getBuffer('{g}:row'))?.toString()).toBe('one');
  const apart = redis.setManyGuarded([['elsewhere', Buffer.from('x')]], [{ ...guard, expected: Buffer.from('1') }]);
  await expect(apart).rejects.toMatchObject({ code: 'EVL_STORAGE_REDIS_REFUSED' });
});

it('reads a slot while it moves from one node to another, and after', async () => {
  const keys = ['{moving}:a', '{moving}:b', '{moving}:absent'];
  const others = ['{x}', '{y}', '{z}'];
  for (const key of [...keys.slice(0, 2), ...others]) await redis.setManyAtomic([[key, Buffer.from(key)]]);
  const read = async (): Promise<(string | null)[]> =>
    (await redis.mgetBuffer([...keys, ...others])).map((value) => value?.toString() ?? null);
  const wanted = [keys[0], keys[1], null, ...others];
  const from = cluster.nodes[ownerOf('{moving}')];
  const to = cluster.nodes[(ownerOf('{moving}') + 1) % 3];
  const [fromId, toId] = [bulk(await from?.ask('CLUSTER MYID')), bulk(await to?.ask('CLUSTER MYID'))];
  const slot = redisSlot('{moving}');
  expect(await to?.ask(`CLUSTER SETSLOT ${slot} IMPORTING ${fromId}`)).toBe('+OK\r\n');
  expect(await from?.ask(`CLUSTER SETSLOT ${slot} MIGRATING ${toId}`)).toBe('+OK\r\n');
  expect(await read()).toEqual(wanted);
  expect(await from?.ask(`MIGRATE 127.0.0.1 ${to?.port} ${keys[0]} 0 5000`)).toBe('+OK\r\n');
  expect(await read()).toEqual(wanted);
  expect(await from?.ask(`MIGRATE 127.0.0.1 ${to?.port} ${keys[1]} 0 5000`)).toBe('+OK\r\n');
  expect(await read()).toEqual(wanted);
  for (const node of [to, from]) expect(await node?.ask(`CLUSTER SETSLOT ${slot} NODE ${toId}`)).toBe('+OK\r\n');
  expect(await read()).toEqual(wanted);
  await redis.setManyAtomic([[keys[0] ?? '', Buffer.from(keys[0] ?? '')]]);
  expect(await read()).toEqual(wanted);
});

it('serves what the others have while a node is away, and all of it when it is back', async () => {
  const keys = ['{a}', '{b}', '{c}'];
  const [away = '', ...there] = keys.toSorted((a, b) => ownerOf(b) - ownerOf(a));
  for (const key of keys) await redis.setManyAtomic([[key, Buffer.from('1')]]);
  const node = cluster.nodes[ownerOf(away)];
  await node?.kill();
  expect(await redis.mgetBuffer(there)).toEqual([Buffer.from('1'), Buffer.from('1')]);
  const impatient = createRedis({ url: cluster.url, logger, name: 'impatient', timeoutMs: 300 });
  await impatient.start();
  await expect(impatient.getBuffer(away)).rejects.toMatchObject({
    code: 'EVL_STORAGE_REDIS_UNREACHABLE',
    kind: 'retryable',
  });
  await impatient.stop();
  const waiting = redis.mgetBuffer([away, ...there]);
  await node?.restart();
  expect(await waiting).toEqual([null, Buffer.from('1'), Buffer.from('1')]);
});
