import { errorText, pause } from '@everloop/service';

export interface EventuallyOptions {
  /** Longest wait, milliseconds; default 10,000. */
  readonly timeoutMs?: number;
  /** What is waited for, named in the error. */
  readonly what?: string;
  /** Ends the wait early; rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Pauses between two looks, milliseconds: quick at first, then sparing. */
const looks = { firstMs: 5, lastMs: 200 };

/**
 * Waits for something that only another process can bring about: calls `check` until it neither throws nor answers false, null
 * or undefined, and resolves with its answer. Bounded; the error carries the last one. Inside one process, await a `deferred` instead.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = 10_000, what = 'the expected state', signal } = options;
  const endsAt = performance.now() + timeoutMs;
  for (let pauseMs = looks.firstMs; ; pauseMs = Math.min(looks.lastMs, pauseMs * 2)) {
    signal?.throwIfAborted();
    let last: unknown = 'not yet';
    try {
      const answer = await check();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
      last = `the check answered ${String(answer)}`;
    } catch (error) {
      last = error;
    }
    if (performance.now() + pauseMs > endsAt) {
      throw new Error(`${what} did not come within ${timeoutMs} ms: ${errorText(last)}`, { cause: last });
    }
    await pause(pauseMs, signal);
  }
}
