import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { createLogger } from '@everloop/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createRedis } from '../src/index.ts';

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:16379';
const logger = createLogger({ service: 'storage-test', level: 'silent' });

/** A way to Redis that can be cut and mended. */
class Road {
  readonly #target = new URL(url);
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  async open(): Promise<void> {
    this.#server = createServer((inner) => {
      const outer = connect(Number(this.#target.port), this.#target.hostname);
      for (const socket of [inner, outer]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          inner.destroy();
          outer.destroy();
        });
      }
      inner.pipe(outer).pipe(inner);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}

const road = new Road();
beforeEach(() => road.open());
afterEach(() => road.cut());

function open(timeoutMs = 3_000): ReturnType<typeof createRedis> {
  return createRedis({ url: `redis://127.0.0.1:${road.port}`, logger, name: 'redis', timeoutMs });
}

describe('Redis', () => {
  it('keeps bytes as they are, in the order of the keys, with expiry', async () => {
    const redis = open();
    await redis.start();
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    const bytes = Buffer.from([0, 255, 13, 10, 0]);
    await redis.setManyAtomic([
      [a, bytes],
      [b, Buffer.from('b'), 60_000],
    ]);
    expect(await redis.mgetBuffer([b, c, a])).toEqual([Buffer.from('b'), null, bytes]);
    await redis.del([a, b]);
    expect(await redis.getBuffer(a)).toBeNull();
    await redis.stop();
  });

  it('applies a guarded write once, and not after somebody else wrote', async () => {
    const redis = open();
    await redis.start();
    const guard = `evl:test:${randomUUID()}`;
    const key = `evl:test:${randomUUID()}`;
    const first = { key: guard, expected: null, next: Buffer.from('1') };
    await redis.setManyGuarded([[key, Buffer.from('one'), 60_000]], [first]);
    await redis.setManyGuarded([[key, Buffer.from('one')]], [first]);
    await redis.setManyGuarded(
      [[key, Buffer.from('two')]],
      [{ ...first, expected: Buffer.from('1'), next: Buffer.from('2') }],
    );
    await expect(redis.setManyGuarded([[key, Buffer.from('old')]], [first])).rejects.toMatchObject({
      code: 'EVL_STORAGE_REDIS_FENCED',
    });
    expect((await redis.getBuffer(key))?.toString()).toBe('two');
    await redis.del([guard]);
    await expect(
      redis.setManyGuarded([], [{ ...first, expected: Buffer.from('2'), next: Buffer.from('3') }]),
    ).rejects.toMatchObject({ code: 'EVL_STORAGE_REDIS_FENCED' });
    await redis.del([key]);
    await redis.stop();
  });

  it('says where Redis should be when it is away, goes on by itself when it is back', async () => {
    const redis = open(10_000);
    await redis.start();
    expect(redis.health?.()).toEqual({ ok: true });
    const key = randomUUID();
    await road.cut();
    const write = redis.setManyAtomic([[key, Buffer.from('late')]]);
    await expect(open(200).ping()).rejects.toMatchObject({
      code: 'EVL_STORAGE_REDIS_UNREACHABLE',
      kind: 'retryable',
      message: expect.stringContaining(`Redis at redis://127.0.0.1:${road.port} cannot be reached`) as string,
    });
    expect(redis.health?.()).toMatchObject({ ok: false });
    await road.open();
    await write;
    expect((await redis.getBuffer(key))?.toString()).toBe('late');
    await redis.del([key]);
    await redis.stop();
  });

  it('waits in start until Redis is there', async () => {
    await road.cut();
    const redis = open();
    const started = redis.start();
    expect(redis.health?.()).toMatchObject({ ok: false });
    await road.open();
    await started;
    expect(redis.health?.()).toEqual({ ok: true });
    await redis.stop();
    await redis.stop();
  });

  it('can be stopped while it waits, and before it was started', async () => {
    await road.cut();
    const waiting = open();
    const started = waiting.start();
    await waiting.stop();
    await expect(started).rejects.toMatchObject({ code: 'EVL_STORAGE_REDIS_UNREACHABLE' });
    await open().stop();
  });

  it('names a refusal as what it is', async () => {
    const redis = open();
    await redis.start();
    const key = randomUUID();
    await redis.setManyAtomic([[key, Buffer.from('x')]]);
    const wrong = redis.setManyAtomic([[key, Buffer.from('x'), -5]]);
    await expect(wrong).rejects.toMatchObject({ code: 'EVL_STORAGE_REDIS_REFUSED', kind: 'terminal' });
    await redis.del([key]);
    await redis.stop();
  });
});
