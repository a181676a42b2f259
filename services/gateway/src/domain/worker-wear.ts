/** What the supervisor knows of one worker. */
export interface WorkerState {
  readonly isReady: boolean;
  /** Time since it became ready, milliseconds. */
  readonly ageMs: number;
  readonly rssBytes: number;
  /** A person asked for its replacement (SIGHUP). */
  readonly isAsked: boolean;
}

export interface WearLimits {
  /** Age at which a worker is replaced, milliseconds; 0: never. */
  readonly ageMaxMs: number;
  /** Resident memory at which a worker is replaced, bytes; 0: never. */
  readonly rssBytesMax: number;
}

/**
 * The worker to replace now: none while one of them is not ready, so that never more than one is away; those that were asked for first, then
 * the one that is furthest over a limit. Null: none.
 */
export function workerToReplace(
  workers: readonly WorkerState[],
  limits: WearLimits,
): { readonly worker: number; readonly why: 'asked' | 'age' | 'memory' } | null {
  if (workers.some(({ isReady }) => !isReady)) return null;
  const asked = workers.findIndex(({ isAsked }) => isAsked);
  if (asked >= 0) return { worker: asked, why: 'asked' };
  let worst: { worker: number; why: 'age' | 'memory'; over: number } | null = null;
  for (const [worker, { ageMs, rssBytes }] of workers.entries()) {
    const age = limits.ageMaxMs === 0 ? 0 : ageMs / limits.ageMaxMs;
    const memory = limits.rssBytesMax === 0 ? 0 : rssBytes / limits.rssBytesMax;
    const over = Math.max(age, memory);
    if (over >= 1 && over > (worst?.over ?? 0)) worst = { worker, why: memory >= age ? 'memory' : 'age', over };
  }
  return worst === null ? null : { worker: worst.worker, why: worst.why };
}
