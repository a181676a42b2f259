import type { Promised } from '@everloop/drift';
import { classify, retry, type Logger } from '@everloop/service';
import type { PromiseQuery, PromiseStore } from '../ports.ts';
import type { VersionLookup } from './registry-artifacts.ts';

/** Versions whose figures are remembered; they never change. */
const versionsMax = 256;
/** Held-out rows of a slice below which their mean is no promise; its first full window is a better one. */
const sliceRowsMin = 50;

/** The figures that the trainer, or whoever registered the version, has of the newest labelled rows, which it was not fitted to: all, or those of a slice. */
function promisedBy(metrics: Readonly<Record<string, number>>, { slice, metric }: PromiseQuery): Promised | null {
  const figure = slice === '' ? 'time_holdout' : `time_holdout.slice.${slice}`;
  const loss = metrics[`${figure}.${metric === 'mae' ? 'mae' : 'log_loss'}`];
  const rows = metrics[`${figure}.rows`];
  const least = slice === '' ? 1 : sliceRowsMin;
  return loss === undefined || rows === undefined || !(rows >= least) ? null : { loss, rows };
}

/** What versions promised, from the figures that the registry keeps with them. */
export function createRegistryPromises(client: VersionLookup, logger: Logger): PromiseStore {
  const known = new Map<string, Readonly<Record<string, number>>>();
  return {
    async get(query) {
      const { model, version } = query;
      const key = `${model}/${version}`;
      const remembered = known.get(key);
      if (remembered !== undefined) return promisedBy(remembered, query);
      try {
        const { version: found } = await retry(() => client.getVersion({ model, version }), {
          ...{ initialMs: 50, maxMs: 2_000, attempts: 10 },
          onRetry: (error) => logger.warn({ model, version, err: error }, 'registry is away; asking again'),
        });
        const metrics = found?.metrics ?? {};
        known.set(key, metrics);
        const [oldest] = known.size > versionsMax ? known.keys() : [];
        if (oldest !== undefined) known.delete(oldest);
        return promisedBy(metrics, query);
      } catch (error) {
        if (classify(error) !== 'terminal') throw error;
        logger.warn({ model, version, err: error }, 'nobody knows what the version promised');
        return null;
      }
    },
  };
}
