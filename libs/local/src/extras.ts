import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDigests, verifyFiles } from './digests.ts';
import { cacheFolder, copyDependencies, moveIntoPlace, type Log } from './provision.ts';
import { findMaven, type Environment } from './tools.ts';

/** A server that only some tests need. */
export interface ExtraSpec {
  /** Also the name of its pom and digest list in `extras/`. */
  readonly name: 'postgres' | 's3' | 'schema-registry';
  /** For a person: what is downloaded and how much. */
  readonly what: string;
  /** Which of the listed files this machine needs. */
  readonly wanted: (file: string) => boolean;
  /** Settings of the pom. */
  readonly properties?: Readonly<Record<string, string>>;
}

/**
 * The jars of an extra, from the cache or, the first time, by Maven: checked against the SHA-512 digests in the repository before
 * each use, staged and renamed when whole. Resolves with their paths, in a fixed order.
 */
export async function provisionExtra(spec: ExtraSpec, log: Log, env: Environment): Promise<readonly string[]> {
  const pom = fileURLToPath(new URL(`../extras/${spec.name}.pom.xml`, import.meta.url));
  const list = fileURLToPath(new URL(`../extras/${spec.name}.sha512`, import.meta.url));
  const digests = new Map([...readDigests(list)].filter(([file]) => spec.wanted(file)));
  const key = createHash('sha256').update(readFileSync(pom)).update(readFileSync(list)).digest('hex').slice(0, 12);
  const folder = join(cacheFolder(env), `${spec.name}-${key}`);
  if (!existsSync(folder)) await download({ spec, pom, folder, log, env });
  await verifyFiles(folder, digests, `Delete ${folder} and start again to download it anew.`);
  return [...digests.keys()].sort().map((file) => join(folder, file));
}

async function download(args: {
  readonly spec: ExtraSpec;
  readonly pom: string;
  readonly folder: string;
  readonly log: Log;
  readonly env: Environment;
}): Promise<void> {
  const maven = findMaven(args.env);
  args.log(`Downloading ${args.spec.what} with Maven, once ...`);
  const staging = join(cacheFolder(args.env), `.staging-${randomUUID()}`);
  try {
    mkdirSync(staging, { recursive: true });
    const settings = Object.entries(args.spec.properties ?? {}).map(([name, value]) => `-D${name}=${value}`);
    await copyDependencies(maven, staging, args.env, { pom: args.pom, what: args.spec.what, settings });
    moveIntoPlace(staging, args.folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
