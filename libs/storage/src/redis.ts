import { Redis } from 'ioredis';

import { ServiceError, type Health, type Logger, type Part } from '@everloop/service';

/** A key, its value and, if it shall expire, after how many milliseconds of wall-clock time. */
export type RedisEntry = readonly [key: string, value: Buffer, pxMs?: number];

/** A key that must hold `expected` (null: must not exist) when a write is applied, and gets `next` with it. */
export interface RedisGuard {
  readonly key: string;
  readonly expected: Buffer | null;
  readonly next: Buffer;
}

/** Byte strings in Redis. Every call is retried while Redis is away and fails with EVL_STORAGE_REDIS_UNREACHABLE after `timeoutMs`. */
export interface RedisStore {
  /** Values in the order of the keys, null where there is none. One round trip. */
  mgetBuffer(keys: readonly string[]): Promise<(Buffer | null)[]>;
  getBuffer(key: string): Promise<Buffer | null>;
  /** Writes all entries or none (MULTI). */
  setManyAtomic(entries: readonly RedisEntry[]): Promise<void>;
  /**
   * Writes all entries and the guards' next values, or nothing and throws EVL_STORAGE_REDIS_FENCED when a guard's value is
   * neither the expected one nor already the next one: another writer came in between, or Redis lost its data.
   */
  setManyGuarded(entries: readonly RedisEntry[], guards: readonly RedisGuard[]): Promise<void>;
  del(keys: readonly string[]): Promise<void>;
  ping(): Promise<void>;
}

export interface RedisOptions {
  /** `redis://[user:password@]host:port[/database]`. */
  readonly url: string;
  readonly logger: Logger;
  /** Name in logs and of the part. */
  readonly name: string;
  /** How long a call may take with all its retries, milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
}

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

/** Errors after which the same call can succeed later; everything else is Redis' answer to the call itself. */
function isConnectionTrouble(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return !/^(WRONGTYPE|ERR|NOAUTH|WRONGPASS|NOPERM|NOSCRIPT|EXECABORT|MISCONF|OOM)\b/.test(message);
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

/** The connection to one Redis; reconnects for ever with a back-off of 50 ms to 2 s. `start` waits for the first connection. */
export function createRedis(options: RedisOptions): RedisStore & Part {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const where = withoutPassword(options.url);
  let lastError = 'not connected yet';
  let warnedAtAttempt = 0;
  let stopped = false;
  const client = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(2_000, 25 * 2 ** Math.min(attempt, 7)),
  });
  client.on('error', (error: Error) => {
    lastError = error.message === '' ? ((error as NodeJS.ErrnoException).code ?? 'connection refused') : error.message;
    if (warnedAtAttempt++ % 10 === 0) options.logger.warn({ redis: where, error: lastError }, unreachableText());
  });
  client.on('ready', () => {
    if (warnedAtAttempt > 0) options.logger.info({ redis: where }, 'Redis is reachable again');
    warnedAtAttempt = 0;
  });

  function unreachableText(): string {
    return `Redis at ${where} cannot be reached (${lastError}): start it or set REDIS_URL; trying again`;
  }

  function unreachable(cause?: unknown): ServiceError {
    return new ServiceError({
      code: 'EVL_STORAGE_REDIS_UNREACHABLE',
      kind: 'retryable',
      message: unreachableText(),
      cause,
    });
  }

  function ready(waitMs: number): Promise<void> {
    if (client.status === 'ready') return Promise.resolve();
    if (stopped || waitMs <= 0) return Promise.reject(unreachable());
    return new Promise((resolve, reject) => {
      const done = (result: () => void): void => {
        clearTimeout(timer);
        client.off('ready', onReady);
        client.off('end', onEnd);
        result();
      };
      const onReady = (): void => done(resolve);
      const onEnd = (): void => done(() => reject(unreachable()));
      const timer = setTimeout(onEnd, Math.min(waitMs, 2 ** 31 - 1));
      client.once('ready', onReady);
      client.once('end', onEnd);
    });
  }

  async function call<T>(operation: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      await ready(deadline - performance.now());
      try {
        return await operation();
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error);
        if (!isConnectionTrouble(error)) throw refused(where, error);
        if (stopped || performance.now() >= deadline) throw unreachable(error);
        if (client.status === 'ready') await new Promise<void>((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  return {
    name: options.name,
    async start() {
      if (stopped) throw unreachable();
      client.connect().catch(() => undefined);
      await ready(Number.MAX_SAFE_INTEGER);
    },
    async stop() {
      stopped = true;
      client.disconnect();
    },
    health: (): Health => (client.status === 'ready' ? { ok: true } : { ok: false, reason: unreachableText() }),
    mgetBuffer: (keys) => (keys.length === 0 ? Promise.resolve([]) : call(() => client.mgetBuffer([...keys]))),
    getBuffer: (key) => call(() => client.getBuffer(key)),
    async setManyAtomic(entries) {
      if (entries.length > 0) await call(() => setMany(client, entries));
    },
    async setManyGuarded(entries, guards) {
      const failed = await call(() => evaluateGuarded(client, entries, guards));
      if (failed !== 0) throw fenced(where, guards[failed - 1]?.key ?? '');
    },
    async del(keys) {
      if (keys.length > 0) await call(() => client.del([...keys]));
    },
    async ping() {
      await call(() => client.ping());
    },
  };
}

async function setMany(client: Redis, entries: readonly RedisEntry[]): Promise<void> {
  const multi = client.multi();
  for (const [key, value, pxMs] of entries) {
    if (pxMs === undefined) multi.set(key, value);
    else multi.set(key, value, 'PX', pxMs);
  }
  const replies = await multi.exec();
  for (const [error] of replies ?? []) if (error !== null) throw error;
}

async function evaluateGuarded(
  client: Redis,
  entries: readonly RedisEntry[],
  guards: readonly RedisGuard[],
): Promise<number> {
  const keys = [...guards.map((guard) => guard.key), ...entries.map(([key]) => key)];
  const values: (string | Buffer)[] = [String(guards.length)];
  for (const guard of guards) values.push(guard.expected ?? '', guard.next, guard.expected === null ? '1' : '0');
  for (const [, value, pxMs] of entries) values.push(value, pxMs === undefined ? '' : String(pxMs));
  return Number(await client.eval(guardedSet, keys.length, ...keys, ...values));
}

function refused(where: string, cause: unknown): ServiceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const passing = /^(MISCONF|OOM)\b/.test(text);
  return new ServiceError({
    code: 'EVL_STORAGE_REDIS_REFUSED',
    kind: passing ? 'retryable' : 'terminal',
    message: `Redis at ${where} refused a command: ${text}; check its memory, disk, access rights and version (7 or newer)`,
    cause,
  });
}

function fenced(where: string, key: string): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_REDIS_FENCED',
    kind: 'retryable',
    message: `Redis at ${where} does not hold the expected value of ${key}: another writer took over or Redis lost its data; start again from what is stored`,
  });
}
