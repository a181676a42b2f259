/** Whether a part was asked to stop. A function, because it may become true during any `await` in between. */
export function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves when a part is asked to stop. */
export function stopRequested(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
