import { drift, type registry } from '@everloop/contracts';
import { classify, retry } from '@everloop/service';
import { baselineProblem, prepareBaseline, type Baseline } from '@everloop/drift';
import { baselineInvalid } from '../errors.ts';
import type { BaselineStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

/** Name of the artifact. */
const artifactName = 'baseline.json';

/** The part of the registry's client that is needed. */
export interface VersionLookup {
  getVersion(request: registry.GetVersionRequest): Promise<registry.GetVersionResponse>;
}

/** The part of the object store that is needed. */
export interface ObjectReader {
  get(digest: string): Promise<Buffer>;
}

/** Baselines as artifacts of versions: the registry names the digest, the object store holds the bytes. */
export function createRegistryBaselines(
  client: VersionLookup,
  objects: ObjectReader,
  telemetry: Telemetry,
): BaselineStore {
  async function load(model: string, version: string): Promise<Baseline> {
    const { version: found } = await client.getVersion({ model, version });
    const artifact = found?.artifacts.find(({ name }) => name === artifactName);
    if (artifact === undefined) throw baselineInvalid(model, version, `the version has no artifact ${artifactName}`);
    const message = parse(model, version, await objects.get(artifact.digest));
    const problem = baselineProblem(message);
    if (problem !== null) throw baselineInvalid(model, version, problem);
    return prepareBaseline(message);
  }
  return {
    async get(model, version) {
      try {
        return await retry(() => load(model, version), {
          initialMs: 50,
          maxMs: 2_000,
          attempts: 10,
          onRetry: (error) => telemetry.logger.warn({ model, version, err: error }, 'registry is away; asking again'),
        });
      } catch (error) {
        if (classify(error) !== 'terminal') throw error;
        telemetry.withoutBaseline(model, version, error);
        return null;
      }
    },
  };
}

function parse(model: string, version: string, bytes: Buffer): drift.Baseline {
  try {
    return drift.Baseline.fromJSON(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw baselineInvalid(model, version, 'it is not the JSON of a Baseline', error);
  }
}
