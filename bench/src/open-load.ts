import { connect } from 'node:http2';
import { callOf, type VariedLoad } from './node-load.ts';
import type { LoadRun } from './h2load.ts';
import { percentile } from './quantiles.ts';

/** Below this a timer is too coarse, milliseconds. */
const timerMs = 2;

export interface OpenLoad extends VariedLoad {
  /** On average; gaps between requests are exponential. */
  readonly perSecond: number;
  readonly seed: number;
}

/** When each request is due, milliseconds from the start: a Poisson process, the same for the same seed. */
function dueMs({ requests, perSecond, seed }: OpenLoad): Float64Array {
  let state = seed >>> 0;
  let atMs = 0;
  return Float64Array.from({ length: requests }, () => {
    // Numerical Recipes' linear congruential generator: gaps need no better one.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (atMs += (-Math.log(1 - state / 2 ** 32) * 1_000) / perSecond);
  });
}

/**
 * Sends requests when they are due, whatever has been answered by then, at most `connections × streams` at once. A request takes from when it
 * was due until its answer, so that a server that falls behind cannot hide it. Throws when a call does not end with gRPC's OK.
 */
export async function runOpenLoad(load: OpenLoad): Promise<LoadRun> {
  const { origin, pathname } = new URL(load.url);
  const sessions = Array.from({ length: load.connections }, () => connect(origin));
  const headers = { ':method': 'POST', ':path': pathname, ...load.headers };
  const due = dueMs(load);
  const tookMs = new Float64Array(load.requests);
  const underWay = new Set<Promise<void>>();
  const failed: unknown[] = [];
  const startedMs = performance.now();
  try {
    for (const [index, atMs] of due.entries()) {
      if (failed.length > 0) break;
      await until(startedMs + atMs);
      while (underWay.size >= load.connections * load.streams) await Promise.race(underWay);
      const session = sessions[index % sessions.length];
      if (session === undefined) throw new RangeError('an open load needs a connection');
      const call = callOf(session, headers, load.bodies[index % load.bodies.length])
        .then(
          () => void (tookMs[index] = performance.now() - startedMs - atMs),
          (error: unknown) => void failed.push(error),
        )
        .finally(() => underWay.delete(call));
      underWay.add(call);
    }
    await Promise.all(underWay);
  } finally {
    for (const session of sessions) session.close();
  }
  if (failed.length > 0) throw failed[0];
  const seconds = (performance.now() - startedMs) / 1_000;
  tookMs.sort();
  const rounded = (q: number): number => Number(percentile(tookMs, q).toFixed(3));
  return { requestsPerSecond: Math.round(load.requests / seconds), p50Ms: rounded(0.5), p99Ms: rounded(0.99) };
}

/** Waits until a moment of `performance.now()`, the last of it by turns of the event loop. */
async function until(atMs: number): Promise<void> {
  const waitMs = atMs - performance.now();
  if (waitMs > timerMs) await new Promise((resolve) => setTimeout(resolve, waitMs - timerMs));
  while (performance.now() < atMs) await new Promise((resolve) => setImmediate(resolve));
}
