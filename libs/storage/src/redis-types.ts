import type { Logger } from '@everloop/service';

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
  /**
   * Into how many buckets a writer divides its keys, each under a hash tag of its own; null for a single node, where keys need no tags.
   * Everything of one guarded write has to be in one bucket.
   */
  readonly buckets: number | null;
  /** Values in the order of the keys, null where there is none. One round trip; in a cluster one to each node, at the same time. */
  mgetBuffer(keys: readonly string[]): Promise<(Buffer | null)[]>;
  getBuffer(key: string): Promise<Buffer | null>;
  /** Writes all entries or none (MULTI); in a cluster all keys have to be in one slot. */
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
  /**
   * `redis://[user:password@]host:port[/database]`, `rediss://…` with TLS, or a cluster:
   * `redis+cluster://[user:password@]host:port,host:port[?buckets=32]` (`rediss+cluster://…` with TLS), some of its nodes.
   */
  readonly url: string;
  readonly logger: Logger;
  /** Name in logs and of the part. */
  readonly name: string;
  /** How long a call may take with all its retries, milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
}
