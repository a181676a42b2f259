import { deferred } from '@everloop/service';

/** Waits that another part of the program can end. Leaves nothing behind on signals or promises, however often it waits. */
export class Wakeable {
  readonly #wakers = new Set<() => void>();

  /** Resolves after `ms` milliseconds, or when `wake` is called or `signal` aborted before. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = deferred();
    const wake = (): void => resolve();
    const timer = setTimeout(wake, ms);
    this.#wakers.add(wake);
    signal.addEventListener('abort', wake);
    await promise;
    clearTimeout(timer);
    this.#wakers.delete(wake);
    signal.removeEventListener('abort', wake);
  }

  wake(): void {
    for (const waker of this.#wakers) waker();
  }
}
