import { drift } from '@everloop/contracts';
import { baselineProblem, prepareBaseline } from '@everloop/drift';
import { baselineInvalid } from '../errors.ts';
import type { BaselineStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { fromArtifact, type ObjectReader, type VersionLookup } from './registry-artifacts.ts';

/** About 100 kB with 50 columns; a larger one than this is none of ours. */
const bytesMax = 64 * 2 ** 20;

/** Baselines as artifacts of versions. */
export function createRegistryBaselines(
  client: VersionLookup,
  objects: ObjectReader,
  telemetry: Telemetry,
): BaselineStore {
  const source = { client, objects, logger: telemetry.logger };
  return {
    get(model, version) {
      const wrong = (problem: string, cause?: unknown): Error => baselineInvalid(model, version, problem, cause);
      return fromArtifact(
        source,
        { model, version, name: 'baseline.json', bytesMax, problem: wrong },
        (bytes) => {
          const message = parse(bytes, wrong);
          const problem = baselineProblem(message);
          if (problem !== null) throw wrong(problem);
          // A recipe writes its baseline before the registry gives the version its number.
          return prepareBaseline({ ...message, model, modelVersion: version });
        },
        (error) => telemetry.withoutBaseline(model, version, error),
      );
    },
  };
}

function parse(bytes: Buffer, wrong: (problem: string, cause: unknown) => Error): drift.Baseline {
  try {
    return drift.Baseline.fromJSON(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw wrong('it is not the JSON of a Baseline', error);
  }
}
