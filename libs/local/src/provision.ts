import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText } from '@everloop/service';
import { readDigests, verifyFiles, type Digests } from './digests.ts';
import { localError } from './fail.ts';
import { findJava, findMaven, type Environment } from './tools.ts';
import { readZipEntry } from './zip.ts';

/** Receives one line of progress for a person. */
export type Log = (line: string) => void;

/** What was downloaded and checked. */
export interface Platform {
  /** Folder of everything below, in the cache. */
  readonly folder: string;
  /** The broker's class path, jars in a fixed order: a shared class archive is bound to it. */
  readonly classPath: string;
  /** The Redis program for this machine; null if none was built for it. */
  readonly redisServer: string | null;
}

export const kafkaVersion = '4.2.2';
export const redisVersion = '7.0.15';

const pom = fileURLToPath(new URL('../pom.xml', import.meta.url));
const digestList = fileURLToPath(new URL('../kafka-jars.sha512', import.meta.url));
const redisJar = 'embedded-redis-0.9.1.jar';

/** `${XDG_CACHE_HOME:-~/.cache}/everloop`: downloads and runs live here, outside the checkout. */
export function cacheFolder(env: Environment = process.env): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'everloop');
}

/** Name of the Redis program inside the jar for an operating system and processor. */
export function redisBinaryName(platform: string = process.platform, arch: string = process.arch): string {
  return `redis-server-${redisVersion}-${platform}-${arch === 'x64' ? 'amd64' : arch}`;
}

/**
 * The broker's jars and the Redis program, from the cache or, the first time, by Maven. Everything is checked against the SHA-512
 * digests in the repository before it is used, at every start (about 0.2 s); a download is staged and renamed when whole.
 */
export async function provisionPlatform(log: Log, env: Environment = process.env): Promise<Platform> {
  const digests = readDigests(digestList);
  const key = createHash('sha256')
    .update(readFileSync(pom))
    .update(readFileSync(digestList))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cacheFolder(env), `kafka-${kafkaVersion}-${key}`);
  if (!existsSync(folder)) await download(folder, digests, log, env);
  const binary = redisBinaryName();
  const wanted = new Map([...digests].filter(([name]) => name.endsWith('.jar') || name === binary));
  await verifyFiles(join(folder, 'libs'), wanted, `Delete ${folder} and start again to download it anew.`);
  const jars = [...digests.keys()].filter((name) => name.endsWith('.jar') && name !== redisJar).sort();
  return {
    folder,
    classPath: jars.map((name) => join(folder, 'libs', name)).join(':'),
    redisServer: digests.has(binary) ? join(folder, 'libs', binary) : null,
  };
}

async function download(folder: string, digests: Digests, log: Log, env: Environment): Promise<void> {
  findJava(env);
  const maven = findMaven(env);
  log(`Downloading Kafka ${kafkaVersion} and Redis ${redisVersion} with Maven (about 55 MB, once) ...`);
  const staging = join(cacheFolder(env), `.staging-${randomUUID()}`);
  const libs = join(staging, 'libs');
  try {
    mkdirSync(libs, { recursive: true });
    await copyDependencies(maven, libs, env);
    const jars = new Map([...digests].filter(([name]) => name.endsWith('.jar')));
    await verifyFiles(
      libs,
      jars,
      'The download was refused. If a proxy or mirror changes files, use one that does not.',
    );
    for (const name of digests.keys()) if (!name.endsWith('.jar')) await unpackRedis(libs, name);
    moveIntoPlace(staging, folder);
    log(`Kafka and Redis are in ${folder}`);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Puts a Redis program out of the jar beside it, executable. */
export async function unpackRedis(libs: string, name: string): Promise<void> {
  const path = join(libs, name);
  writeFileSync(path, await readZipEntry(join(libs, redisJar), name));
  chmodSync(path, 0o755);
}

/** Another start may have been faster: then its folder counts, and is verified like any other. */
export function moveIntoPlace(staging: string, folder: string): void {
  try {
    renameSync(staging, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** What `copyDependencies` copies when it is not the platform. */
interface OtherPom {
  readonly pom: string;
  /** For a person. */
  readonly what: string;
  readonly settings: readonly string[];
}

/** Copies the jars that the pom names, with their dependencies, into `libs`. */
export async function copyDependencies(
  maven: string,
  libs: string,
  env: Environment,
  other: OtherPom = { pom, what: 'Kafka and Redis', settings: [] },
): Promise<void> {
  const args = [
    '-q',
    '-B',
    '-C',
    '-f',
    other.pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${libs}`,
    '-DincludeScope=runtime',
    ...other.settings,
  ];
  const child = spawn(maven, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
  }
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(errorText(error)));
    child.on('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code !== 0) {
    const lines = output.trim().split('\n').slice(-8).join('\n');
    throw localError(
      'EVL_LOCAL_DOWNLOAD_FAILED',
      `Maven could not download ${other.what} (${code}). Check the network, or the proxy and mirrors in ~/.m2/settings.xml, ` +
        `or set KAFKA_BROKERS and REDIS_URL to ones that already run. Maven said:\n${lines}`,
    );
  }
}
