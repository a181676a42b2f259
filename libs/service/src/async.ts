import { classify } from './errors.ts';

/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A promise together with the functions that settle it. */
export function deferred<T = void>(): Deferred<T> {
  return Promise.withResolvers<T>();
}

export interface RetryOptions {
  /** First pause, milliseconds; doubles with every try. */
  readonly initialMs: number;
  /** Longest pause, milliseconds. */
  readonly maxMs: number;
  /** Most tries, the first included; without it tries go on until success or `signal`. */
  readonly attempts?: number;
  /** Ends the waiting; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Which errors are worth another try; by default those that `classify` calls retryable. */
  readonly when?: (error: unknown) => boolean;
  /** Called before each pause: the error, the number of tries so far and the pause in milliseconds. */
  readonly onRetry?: (error: unknown, tries: number, pauseMs: number) => void;
}

/**
 * Calls `fn` until it succeeds, with pauses that double from `initialMs` to `maxMs` and vary by up to a half so that many
 * callers do not come back at once. Errors that are not worth another try, and the last one, are passed on as they are.
 */
export async function retry<T>(fn: (tries: number) => T | Promise<T>, options: RetryOptions): Promise<T> {
  const worthRetry = options.when ?? ((error: unknown) => classify(error) === 'retryable');
  for (let tries = 1; ; tries += 1) {
    options.signal?.throwIfAborted();
    try {
      return await fn(tries);
    } catch (error) {
      if (!worthRetry(error) || tries >= (options.attempts ?? Infinity)) throw error;
      const pauseMs =
        Math.min(options.maxMs, options.initialMs * 2 ** Math.min(tries - 1, 30)) * (1 - Math.random() / 2);
      options.onRetry?.(error, tries, pauseMs);
      await pause(pauseMs, options.signal);
    }
  }
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason if that comes first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
