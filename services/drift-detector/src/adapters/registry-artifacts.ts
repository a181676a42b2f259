import type { registry } from '@everloop/contracts';
import { classify, retry, type Logger } from '@everloop/service';

/** The part of the registry's client that is needed. */
export interface VersionLookup {
  getVersion(request: registry.GetVersionRequest): Promise<registry.GetVersionResponse>;
}

/** The part of the object store that is needed. */
export interface ObjectReader {
  get(digest: string): Promise<Buffer>;
}

/** An artifact of a version: the registry names its digest, the object store holds the bytes. */
export interface ArtifactSource {
  readonly client: VersionLookup;
  readonly objects: ObjectReader;
  readonly logger: Logger;
}

/** Which artifact, and what is wrong when it is not there or too large. */
export interface WantedArtifact {
  readonly model: string;
  readonly version: string;
  readonly name: string;
  readonly bytesMax: number;
  readonly problem: (what: string) => Error;
}

/**
 * Loads an artifact and makes something of it, in some tries while the registry is away. Null, after `told`, where that can never be: there is no
 * such artifact, or it is not what it should be. Rejects with a retryable error while the registry stays away.
 */
export async function fromArtifact<T>(
  { client, objects, logger }: ArtifactSource,
  { model, version, name, bytesMax, problem }: WantedArtifact,
  make: (bytes: Buffer) => T,
  told: (error: unknown) => void,
): Promise<T | null> {
  const load = async (): Promise<T> => {
    const { version: found } = await client.getVersion({ model, version });
    const artifact = found?.artifacts.find((one) => one.name === name);
    if (artifact === undefined) throw problem(`the version has no artifact ${name}`);
    if (artifact.sizeBytes > bytesMax) throw problem(`it has ${artifact.sizeBytes} bytes of at most ${bytesMax}`);
    return make(await objects.get(artifact.digest));
  };
  try {
    return await retry(load, {
      ...{ initialMs: 50, maxMs: 2_000, attempts: 10 },
      onRetry: (error) => logger.warn({ model, version, err: error }, 'registry is away; asking again'),
    });
  } catch (error) {
    if (classify(error) !== 'terminal') throw error;
    told(error);
    return null;
  }
}
