import type { Promised } from '@everloop/drift';
import { classify, retry, type Logger } from '@everloop/service';
import type { PromiseStore } from '../ports.ts';
import type { VersionLookup } from './registry-baselines.ts';

/** Versions whose promise is remembered; they never change. */
const versionsMax = 256;

/** The trainer's figures of the newest labelled rows, which the version was not fitted to. */
function promisedBy(metrics: Readonly<Record<string, number>>): Promised | null {
  const [logLoss, rows] = [metrics['time_holdout.log_loss'], metrics['time_holdout.rows']];
  return logLoss === undefined || rows === undefined || !(rows > 0) ? null : { logLoss, rows };
}

/** What versions promised, from the figures that the registry keeps with them. */
export function createRegistryPromises(client: VersionLookup, logger: Logger): PromiseStore {
  const known = new Map<string, Promised>();
  return {
    async get(model, version) {
      const key = `${model}/${version}`;
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered;
      try {
        const { version: found } = await retry(() => client.getVersion({ model, version }), {
          ...{ initialMs: 50, maxMs: 2_000, attempts: 10 },
          onRetry: (error) => logger.warn({ model, version, err: error }, 'registry is away; asking again'),
        });
        const promised = promisedBy(found?.metrics ?? {});
        if (promised !== null) known.set(key, promised);
        const [oldest] = known.size > versionsMax ? known.keys() : [];
        if (oldest !== undefined) known.delete(oldest);
        return promised;
      } catch (error) {
        if (classify(error) !== 'terminal') throw error;
        logger.warn({ model, version, err: error }, 'nobody knows what the version promised');
        return null;
      }
    },
  };
}
