import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { offlineColumns } from '@everloop/features';
import { sqlText, stagingFolder, type DuckDb } from '@everloop/storage';

import { expiryPlan, mergePlan, type CompactionLimits, type PinnedRange } from '../domain/compaction-plan.ts';
import type { Telemetry } from '../telemetry.ts';
import type { HistoryTables } from './history-tables.ts';
import {
  isPartFileName,
  partFileName,
  partitionDir,
  versionsFolder,
  type Manifest,
  type PartFile,
} from './manifest.ts';

export interface CompactionOptions {
  readonly dataDir: string;
  /** Not the one that answers queries: a merge takes a while. */
  readonly duck: DuckDb;
  readonly tables: HistoryTables;
  readonly limits: CompactionLimits;
  /** How long a file that does not count any more is kept, milliseconds: longer than any read of another process. */
  readonly graceMs: number;
  readonly now: () => number;
  readonly telemetry: Pick<Telemetry, 'compacted' | 'expired' | 'expiryHeld'>;
  /** Called after each step that is left on the disk; tests throw here what a crash would do. */
  readonly step?: (name: 'merged' | 'listed' | 'expired' | 'removed') => void;
}

/**
 * Upkeep of the Parquet files of the partitions that are written here. At any moment the manifest alone says what counts:
 * a merged file is written and renamed first, then one new manifest lists it instead of its parts, which are removed only after
 * a grace. A crash in between leaves a file that no manifest lists; it is removed like a retired one.
 */
export class HistoryCompaction {
  readonly #options: CompactionOptions;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** Merges until nothing is left to merge, or `signal` aborts. Resolves with the number of merges. */
  async compact(signal?: AbortSignal): Promise<number> {
    let merges = 0;
    for (const { topic, partition } of this.#options.tables.held()) {
      for (let more = true; more && signal?.aborted !== true;) {
        const manifest = this.#options.tables.held().find((m) => m.topic === topic && m.partition === partition);
        const parts = manifest === undefined ? null : mergePlan(manifest.files, this.#options.limits);
        more = parts !== null && (await this.#merge(topic, partition, parts));
        if (more) merges += 1;
      }
    }
    return merges;
  }

  async #merge(topic: string, partition: number, parts: readonly PartFile[]): Promise<boolean> {
    const { dataDir, duck, tables, telemetry, now, step } = this.#options;
    const [first] = parts;
    const last = parts.at(-1);
    if (first === undefined || last === undefined) return false;
    const startedMs = performance.now();
    const folder = partitionDir(dataDir, topic, partition);
    const file = partFileName(first.firstOffset, last.lastOffset);
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const list = parts.map((part) => sqlText(join(folder, part.file))).join(', ');
    const { offset } = offlineColumns;
    await duck.copyToParquet(
      `SELECT * FROM read_parquet([${list}], union_by_name = true) ORDER BY ${offset}`,
      join(folder, file),
    );
    try {
      await this.#check(join(folder, file), rows, first.firstOffset, last.lastOffset);
    } catch (error) {
      // Who has taken the partition over removes what no manifest lists.
      if (await tables.isHeld(topic, partition)) throw error;
      return false;
    }
    step?.('merged');
    const merged: PartFile = {
      file,
      rows,
      firstOffset: first.firstOffset,
      lastOffset: last.lastOffset,
      minTimeMs: Math.min(...parts.map((part) => part.minTimeMs)),
      maxTimeMs: Math.max(...parts.map((part) => part.maxTimeMs)),
      lateRows: parts.reduce((sum, part) => sum + part.lateRows, 0),
      maxLagMs: Math.max(...parts.map((part) => part.maxLagMs)),
    };
    const names = new Set(parts.map((part) => part.file));
    const replaced = await tables.changeManifest(topic, partition, (manifest) =>
      replaceParts(manifest, names, merged, now()),
    );
    step?.('listed');
    if (replaced) telemetry.compacted(topic, partition, parts.length, rows, performance.now() - startedMs);
    return replaced;
  }

  /** The merged file is read back before anything is given up for it. */
  async #check(path: string, rows: number, firstOffset: number, lastOffset: number): Promise<void> {
    const { offset } = offlineColumns;
    const [found] = await this.#options.duck.all(
      `SELECT count(*) AS n, count(DISTINCT ${offset}) AS d, min(${offset}) AS a, max(${offset}) AS z FROM read_parquet(${sqlText(path)})`,
    );
    const [n, d, a, z] = ['n', 'd', 'a', 'z'].map((name) => Number(found?.[name]));
    if (n === rows && d === rows && a === firstOffset && z === lastOffset) return;
    await rm(path, { force: true });
    throw new Error(
      `merging gave ${n} rows of offsets ${a} to ${z} in ${path}, not ${rows} of ${firstOffset} to ${lastOffset}`,
    );
  }

  /**
   * Retires files of a topic in which every event is older than `boundMs` (event time), except what a pinned range touches.
   * Resolves with the number of files.
   */
  async expire(topic: string, boundMs: number, pins: (partition: number) => readonly PinnedRange[]): Promise<number> {
    const { tables, telemetry, now, step } = this.#options;
    let files = 0;
    for (const { partition } of tables.held().filter((manifest) => manifest.topic === topic)) {
      await tables.changeManifest(topic, partition, (manifest) => {
        const { expired, kept } = expiryPlan(manifest.files, boundMs, pins(partition));
        for (const { file, dataset } of kept) telemetry.expiryHeld(topic, partition, file.file, dataset);
        if (expired.length === 0) return null;
        files += expired.length;
        telemetry.expired(
          topic,
          partition,
          expired.length,
          expired.reduce((sum, part) => sum + part.rows, 0),
          boundMs,
        );
        const names = new Set(expired.map(({ file }) => file));
        return retire({ ...manifest, files: manifest.files.filter(({ file }) => !names.has(file)) }, names, now());
      });
    }
    step?.('expired');
    return files;
  }

  /** Removes files that have not counted for longer than the grace: retired ones, and what a crash left. */
  async sweep(): Promise<void> {
    for (const manifest of this.#options.tables.held()) await this.#sweepPartition(manifest);
  }

  async #sweepPartition({ topic, partition, retired = [] }: Manifest): Promise<void> {
    const { dataDir, tables, graceMs, now, step } = this.#options;
    const folder = partitionDir(dataDir, topic, partition);
    const before = now() - graceMs;
    const over = retired.filter(({ sinceMs }) => sinceMs <= before).map(({ file }) => file);
    for (const file of over) await rm(join(folder, file), { force: true });
    step?.('removed');
    if (over.length > 0) {
      await tables.changeManifest(topic, partition, (manifest) => ({
        ...manifest,
        retired: (manifest.retired ?? []).filter(({ file }) => !over.includes(file)),
      }));
    }
    // Only by a list that is the newest after `before` was taken: a process that slept must not judge by what it knew.
    await tables.whileHeld(topic, partition, async (manifest) => {
      const counted = new Set([...manifest.files, ...(manifest.retired ?? [])].map(({ file }) => file));
      await removeOld(folder, (name) => isPartFileName(name) && !counted.has(name), before);
      for (const staging of [join(folder, stagingFolder), join(folder, versionsFolder, stagingFolder)])
        await removeOld(staging, () => true, before);
    });
  }
}

function replaceParts(
  manifest: Manifest,
  names: ReadonlySet<string>,
  merged: PartFile,
  nowMs: number,
): Manifest | null {
  const at = manifest.files.findIndex(({ file }) => names.has(file));
  const others = manifest.files.filter(({ file }) => !names.has(file));
  // Somebody else changed the list: what was merged is not what counts now.
  if (at < 0 || manifest.files.length - others.length !== names.size) return null;
  const files = [...others.slice(0, at), merged, ...others.slice(at)];
  return retire({ ...manifest, files }, names, nowMs);
}

function retire(manifest: Manifest, names: ReadonlySet<string>, sinceMs: number): Manifest {
  return { ...manifest, retired: [...(manifest.retired ?? []), ...[...names].map((file) => ({ file, sinceMs }))] };
}

/** Removes files that were changed before a moment and that `which` chooses. A folder that is not there has none. */
async function removeOld(folder: string, which: (name: string) => boolean, beforeMs: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!which(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() === true && found.mtimeMs <= beforeMs) await rm(path, { force: true });
  }
}
