import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeWhole } from '@everloop/storage';

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

const fileName = /^\d+-\d+\.parquet$/;

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

export function partFileName(firstOffset: number, lastOffset: number): string {
  return `${firstOffset}-${lastOffset}.parquet`;
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

/** Reads a partition's manifest; an empty one when there is none. EVL_FEATURES_MANIFEST_INVALID when it cannot be understood. */
export async function readManifest(dataDir: string, topic: string, partition: number): Promise<Manifest> {
  const path = join(partitionDir(dataDir, topic, partition), 'manifest.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { format: 2, topic, partition, nextOffset: 0, files: [], retired: [] };
    throw error;
  }
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

/** Replaces a partition's manifest; readers see the old one or the new one. */
export async function writeManifest(dataDir: string, manifest: Manifest): Promise<void> {
  const folder = partitionDir(dataDir, manifest.topic, manifest.partition);
  await mkdir(folder, { recursive: true });
  await writeWhole(join(folder, 'manifest.json'), (staged) => writeFile(staged, JSON.stringify(manifest, null, 1)));
}
