import { ServiceError, type Health, type Part } from '@everloop/service';

import { refused, type RedisClient } from './redis-commands.ts';
import type { RedisOptions } from './redis-types.ts';

/** Errors after which the same call can succeed later; everything else is Redis' answer to the call itself. */
function isConnectionTrouble(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return !/^(WRONGTYPE|ERR|NOAUTH|WRONGPASS|NOPERM|NOSCRIPT|EXECABORT|MISCONF|OOM|CROSSSLOT)\b/.test(message);
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

/** Pause before a call is tried again while the connection stands, milliseconds. */
const retryMs = 25;

/** Keeps a client connected and tries calls again for as long as their time lasts. */
export class RedisConnection<C extends RedisClient> implements Part {
  readonly name: string;
  readonly client: C;
  /** The address, for messages. */
  readonly where: string;
  readonly #timeoutMs: number;
  readonly #logger: RedisOptions['logger'];
  #lastError = 'not connected yet';
  #warnedAtAttempt = 0;
  #stopped = false;

  constructor(client: C, options: RedisOptions, timeoutMs: number) {
    this.name = options.name;
    this.client = client;
    this.where = withoutPassword(options.url);
    this.#timeoutMs = timeoutMs;
    this.#logger = options.logger;
    client.on('error', (error: Error) => this.noticed(error));
    client.on('ready', () => {
      if (this.#warnedAtAttempt > 0) this.#logger.info({ redis: this.where }, 'Redis is reachable again');
      this.#warnedAtAttempt = 0;
    });
  }

  async start(): Promise<void> {
    if (this.#stopped) throw this.#unreachable();
    this.client.connect().catch(() => undefined);
    await this.#ready(Number.MAX_SAFE_INTEGER);
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.client.disconnect();
    return Promise.resolve();
  }

  health(): Health {
    return this.client.status === 'ready' ? { ok: true } : { ok: false, reason: this.#unreachableText() };
  }

  /** Remembers what went wrong and says so, not at every attempt. */
  noticed(error: Error): void {
    this.#lastError =
      error.message === '' ? ((error as NodeJS.ErrnoException).code ?? 'connection refused') : error.message;
    if (this.#warnedAtAttempt++ % 10 === 0)
      this.#logger.warn({ redis: this.where, error: this.#lastError }, this.#unreachableText());
  }

  /** Runs an operation, again while Redis is away: EVL_STORAGE_REDIS_UNREACHABLE when its time is over. */
  async call<T>(operation: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      if (this.client.status !== 'ready') await this.#ready(deadline - performance.now());
      try {
        return await operation();
      } catch (error) {
        this.#lastError = error instanceof Error ? error.message : String(error);
        if (!isConnectionTrouble(error)) throw refused(this.where, error);
        if (this.#stopped || performance.now() >= deadline) throw this.#unreachable(error);
        if (this.client.status === 'ready') await new Promise<void>((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  #ready(waitMs: number): Promise<void> {
    const { client } = this;
    if (client.status === 'ready') return Promise.resolve();
    if (this.#stopped || waitMs <= 0) return Promise.reject(this.#unreachable());
    return new Promise((resolve, reject) => {
      const done = (result: () => void): void => {
        clearTimeout(timer);
        client.off('ready', onReady);
        client.off('end', onEnd);
        result();
      };
      const onReady = (): void => done(resolve);
      const onEnd = (): void => done(() => reject(this.#unreachable()));
      const timer = setTimeout(onEnd, Math.min(waitMs, 2 ** 31 - 1));
      client.once('ready', onReady);
      client.once('end', onEnd);
    });
  }

  #unreachableText(): string {
    return `Redis at ${this.where} cannot be reached (${this.#lastError}): start it or set REDIS_URL; trying again`;
  }

  #unreachable(cause?: unknown): ServiceError {
    return new ServiceError({
      code: 'EVL_STORAGE_REDIS_UNREACHABLE',
      kind: 'retryable',
      message: this.#unreachableText(),
      cause,
    });
  }
}
