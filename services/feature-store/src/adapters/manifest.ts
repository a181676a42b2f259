import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createWhole } from '@everloop/storage';

import { errors } from '../errors.ts';

/** One Parquet file of a topic partition. Offsets inclusive, event times epoch milliseconds. */
export interface PartFile {
  readonly file: string;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly rows: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** Rows that became known after their event time, and the longest that took, milliseconds; 0 and 0 where none did. */
  readonly lateRows: number;
  readonly maxLagMs: number;
}

/** The files that exist of one topic partition; a file that is not listed does not count. */
export interface Manifest {
  /** 1 had no time at which a row became known. */
  readonly format: 2;
  readonly topic: string;
  readonly partition: number;
  /** Offset after the last record that is in the files. */
  readonly nextOffset: number;
  readonly files: readonly PartFile[];
  /** Files that do not count any more and are removed a while after `sinceMs` (wall clock): somebody may still read them. */
  readonly retired?: readonly RetiredFile[];
}

export interface RetiredFile {
  readonly file: string;
  readonly sinceMs: number;
}

/** A manifest as it is stored: each change is a new version. 0: none was written yet. */
export interface StoredManifest {
  readonly version: number;
  readonly manifest: Manifest;
}

const fileName = /^\d+-\d+(-[0-9a-f]{8})?\.parquet$/;
/** Folder of the versions of a manifest, and their names. */
export const versionsFolder = 'manifests';
const versionName = /^(\d{12})\.json$/;
/** Where the manifest was before it had versions. */
const unversionedName = 'manifest.json';
/** Newest versions that stay: who has just listed them may still read the one that was newest. */
const versionsKept = 8;
/** Times that a reader looks again because the version that was newest is gone. */
const readTries = 20;

/** Whether a name in a partition's folder is that of a Parquet file of the history. */
export function isPartFileName(name: string): boolean {
  return fileName.test(name);
}

/** Folder of a topic partition; EVL_FEATURES_TOPIC_INVALID for a name that is no Kafka topic name. */
export function partitionDir(dataDir: string, topic: string, partition: number): string {
  if (!/^[A-Za-z0-9._-]+$/.test(topic) || topic === '.' || topic === '..' || !Number.isSafeInteger(partition)) {
    throw errors.topicNameInvalid(topic);
  }
  return join(dataDir, 'offline', topic, String(partition));
}

/** A name that nobody else gives: two processes that write the same records must not write the same file. */
export function partFileName(firstOffset: number, lastOffset: number): string {
  return `${firstOffset}-${lastOffset}-${randomBytes(4).toString('hex')}.parquet`;
}

function isPart(value: unknown): value is PartFile {
  if (typeof value !== 'object' || value === null || !('file' in value)) return false;
  const numbers = ['firstOffset', 'lastOffset', 'rows', 'minTimeMs', 'maxTimeMs', 'lateRows', 'maxLagMs'];
  const complete = numbers.every((name) => Number.isSafeInteger((value as Record<string, unknown>)[name]));
  return complete && typeof value.file === 'string' && fileName.test(value.file);
}

function isRetired(value: unknown): value is RetiredFile {
  if (typeof value !== 'object' || value === null || !('file' in value) || !('sinceMs' in value)) return false;
  return typeof value.file === 'string' && fileName.test(value.file) && Number.isSafeInteger(value.sinceMs);
}

/** Version of a partition's newest manifest; 0 when none was written. */
export async function newestVersion(dataDir: string, topic: string, partition: number): Promise<number> {
  return (await versionsIn(partitionDir(dataDir, topic, partition))).at(-1) ?? 0;
}

/** Reads a partition's newest manifest; an empty one when there is none. EVL_FEATURES_MANIFEST_INVALID when it cannot be understood. */
export async function readManifest(dataDir: string, topic: string, partition: number): Promise<StoredManifest> {
  const folder = partitionDir(dataDir, topic, partition);
  for (let tries = 1; ; tries += 1) {
    const version = (await versionsIn(folder)).at(-1) ?? 0;
    const path = version === 0 ? join(folder, unversionedName) : versionPath(folder, version);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    });
    if (text !== null) return { version, manifest: parseManifest(path, text, topic, partition) };
    if (version === 0) {
      // The first version may have come, and the old file gone, since the folder was listed.
      if ((await versionsIn(folder)).length === 0)
        return { version, manifest: { format: 2, topic, partition, nextOffset: 0, files: [], retired: [] } };
    } else if (tries >= readTries) throw errors.manifestInvalid(path, new Error('it went away while it was read'));
  }
}

/**
 * Writes `manifest` as `version`, one more than what it was made from. False, and nothing changed, when somebody else has written
 * that version or a later one: whoever gets false does not own the partition any more. Of several that try, on whatever hosts share the folder,
 * one gets true, and a process that slept for hours gets false.
 */
export async function putManifest(dataDir: string, { version, manifest }: StoredManifest): Promise<boolean> {
  const folder = partitionDir(dataDir, manifest.topic, manifest.partition);
  const path = versionPath(folder, version);
  await mkdir(join(folder, versionsFolder), { recursive: true });
  if (!(await createWhole(path, (staged) => writeFile(staged, JSON.stringify(manifest, null, 1))))) return false;
  const versions = await versionsIn(folder);
  if ((versions.at(-1) ?? 0) > version) {
    // An old number that was removed and so was free again. Nobody reads it: the newest counts.
    await rm(path, { force: true });
    return false;
  }
  for (const old of versions) if (old <= version - versionsKept) await rm(versionPath(folder, old), { force: true });
  await rm(join(folder, unversionedName), { force: true });
  return true;
}

function versionPath(folder: string, version: number): string {
  return join(folder, versionsFolder, `${String(version).padStart(12, '0')}.json`);
}

/** Ascending. */
async function versionsIn(folder: string): Promise<number[]> {
  const names = await readdir(join(folder, versionsFolder)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => versionName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function parseManifest(path: string, text: string, topic: string, partition: number): Manifest {
  try {
    const found = JSON.parse(text) as Record<keyof Manifest, unknown>;
    const fits = found.format === 2 && found.topic === topic && found.partition === partition;
    if (!fits || !Number.isSafeInteger(found.nextOffset)) throw new Error('it is of another partition or format');
    if (!Array.isArray(found.files) || !found.files.every(isPart)) throw new Error('its list of files is damaged');
    const retired = found.retired ?? [];
    if (!Array.isArray(retired) || !retired.every(isRetired)) throw new Error('its list of retired files is damaged');
    return { format: 2, topic, partition, nextOffset: Number(found.nextOffset), files: found.files, retired };
  } catch (error) {
    throw errors.manifestInvalid(path, error);
  }
}
