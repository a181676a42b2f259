import { pause } from '@everloop/service';

import { samplesOf } from './metrics-text.ts';
import type { LedgerCheck, LiveParity } from './types.ts';

export interface LiveParityOptions {
  /** The page with the feature store's metrics. */
  readonly read: () => Promise<string>;
  /** Served predictions that the store shall have looked at. */
  readonly served: number;
  /** Longest wait for that, milliseconds; what is known then is given. */
  readonly waitMs: number;
  readonly everyMs: number;
}

const pageDeadlineMs = 60_000;
/** The store compares in rounds; several of them, and the way of the last predictions to it. */
const serveWaitMs = 120_000;
const prefix = 'everloop_feature_store_parity';

/** What a page of the feature store's metrics says about the comparison of served values; null when nothing is compared. */
export function liveParityOf(page: string): LiveParity | null {
  const sum = (name: string): number => samplesOf(page, name).reduce((total, { value }) => total + value, 0);
  const [queued] = samplesOf(page, `${prefix}_queued`);
  if (queued === undefined) return null;
  const [values, different] = [sum(`${prefix}_values_total`), sum(`${prefix}_different_total`)];
  return {
    predictions: sum(`${prefix}_checked_total`),
    values,
    different,
    late: sum(`${prefix}_late_total`),
    undecided: sum(`${prefix}_undecided_total`),
    rate: values === 0 ? null : (values - different) / values,
    skipped: sum(`${prefix}_skipped_total`),
    waiting: queued.value,
  };
}

function isOver(page: string, served: number): boolean {
  const group = 'everloop.feature-store.parity';
  const read = samplesOf(page, 'everloop_kafka_records_read_total').find(({ labels }) => labels['group'] === group);
  return (read?.value ?? 0) >= served && liveParityOf(page)?.waiting === 0;
}

/**
 * What the feature store found by itself while it served, once it has looked at everything that was served. Null when it compares nothing
 * (EVL_FEATURES_PARITY_SHARE is 0).
 */
export async function readLiveParity({ read, served, waitMs, everyMs }: LiveParityOptions): Promise<LiveParity | null> {
  let quiet = 0;
  for (let leftMs = waitMs; ; leftMs -= everyMs) {
    const page = await read();
    const found = liveParityOf(page);
    // Twice, since what was just read is a moment later in the queue.
    quiet = isOver(page, served) ? quiet + 1 : 0;
    if (found === null || leftMs <= 0 || quiet === 2) return found;
    await pause(everyMs);
  }
}

/** What the feature store found by itself; null when it is not asked or compares nothing. */
export async function fetchLiveParity(url: string | undefined, served: number): Promise<LiveParity | null> {
  if (url === undefined) return null;
  const read = async (): Promise<string> => {
    const signal = AbortSignal.timeout(pageDeadlineMs);
    return (await fetch(url, { signal })).text();
  };
  return readLiveParity({ read, served, waitMs: serveWaitMs, everyMs: 500 });
}

/** The same promise, kept by the feature store while it served. The numbers are those of a run, so they are not here when all is well. */
export function liveParityCheck(live: LiveParity | null): readonly LedgerCheck[] {
  if (live === null || live.values === 0) return [];
  const { different, values } = live;
  const detail =
    different === 0
      ? 'all compared values'
      : `${String(different)} of ${String(values)} values differ; docs/runbooks/parity.md`;
  return [{ name: 'the feature store found served values as its history has them', ok: different === 0, detail }];
}
