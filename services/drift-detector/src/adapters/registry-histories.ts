import { drift } from '@everloop/contracts';
import { historyProblem } from '@everloop/drift';
import { historyInvalid } from '../errors.ts';
import type { HistoryStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { fromArtifact, type ObjectReader, type VersionLookup } from './registry-artifacts.ts';

/** The first-party recipe writes about 10 MB at most; decoded it is ten times as large for as long as it is used. */
const bytesMax = 64 * 2 ** 20;

/** Histories as artifacts of versions. They are not kept: what is made of them is much smaller. */
export function createRegistryHistories(
  client: VersionLookup,
  objects: ObjectReader,
  telemetry: Telemetry,
): HistoryStore {
  const source = { client, objects, logger: telemetry.logger };
  return {
    get(baseline) {
      const { model, version } = baseline;
      const wrong = (problem: string, cause?: unknown): Error => historyInvalid(model, version, problem, cause);
      return fromArtifact(
        source,
        { model, version, name: 'history.pb', bytesMax, problem: wrong },
        (bytes) => {
          const { panes } = decode(bytes, wrong);
          const problem = historyProblem(baseline, panes);
          if (problem !== null) throw wrong(problem);
          return panes;
        },
        (error) => telemetry.withoutHistory(model, version, error),
      );
    },
  };
}

function decode(bytes: Buffer, wrong: (problem: string, cause: unknown) => Error): drift.History {
  try {
    return drift.History.decode(bytes);
  } catch (error) {
    throw wrong('it is not the binary form of a History', error);
  }
}
