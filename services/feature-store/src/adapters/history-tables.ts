import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { offlineColumns } from '@everloop/features';
import { sqlName, sqlText, type ColumnTable, type DuckDb, type DuckValue } from '@everloop/storage';

import type { HistoryRow, HistoryTable } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { errors } from '../errors.ts';
import {
  newestVersion,
  partFileName,
  partitionDir,
  putManifest,
  readManifest,
  type Manifest,
  type StoredManifest,
} from './manifest.ts';

export interface HistoryTablesOptions {
  readonly dataDir: string;
  readonly duck: DuckDb;
  /** Rows of one topic partition that are buffered before they become a file. */
  readonly bufferedRowsMax: number;
  readonly telemetry: Telemetry;
}

interface PartitionBuffer {
  readonly topic: string;
  readonly partition: number;
  readonly manifest: Manifest;
  /** Version of the manifest that is stored. */
  readonly version: number;
  /** Offset after the last record that is in a file or here. */
  nextOffset: number;
  /** Rows not in DuckDB yet. */
  pending: HistoryRow[];
  /** Rows in files are listed in the manifest; these are in DuckDB or pending. */
  rows: number;
  firstOffset: number;
  lastOffset: number;
  minTimeMs: number;
  maxTimeMs: number;
  lateRows: number;
  maxLagMs: number;
}

/** Rows that are handed to DuckDB together. */
const pendingRowsMax = 2_048;

/** Attempts to take a partition while others take it too. */
const claimTries = 10;

function emptyBuffer({ manifest, version }: StoredManifest): PartitionBuffer {
  const { topic, partition, nextOffset } = manifest;
  const range = { firstOffset: 0, lastOffset: 0, minTimeMs: Infinity, maxTimeMs: -Infinity, lateRows: 0, maxLagMs: 0 };
  return { topic, partition, manifest, version, nextOffset, pending: [], rows: 0, ...range };
}

/**
 * The history of every source as a table: Parquet files that a manifest lists, and the newest rows in a table of DuckDB. A topic
 * partition has one writer: who asks for its `nextOffset` takes it over, and from then on what a former writer still tries fails. All
 * operations run one after the other.
 */
export class HistoryTables {
  readonly #options: HistoryTablesOptions;
  readonly #tables = new Map<string, HistoryTable>();
  readonly #buffers = new Map<string, PartitionBuffer>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: HistoryTablesOptions) {
    this.#options = options;
  }

  /** Runs `work` when everything before has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async declare(tables: readonly HistoryTable[]): Promise<void> {
    await this.exclusive(async () => {
      await this.#flushAll();
      this.#buffers.clear();
      for (const { topic } of this.#tables.values())
        await this.#options.duck.run(`DROP TABLE IF EXISTS ${bufferTable(topic)}`);
      this.#tables.clear();
      for (const table of tables) {
        this.#tables.set(table.topic, table);
        await this.#options.duck.run(`CREATE TABLE ${bufferTable(table.topic)} (${columnsSql(table)})`);
      }
    });
  }

  /** Takes the partition over, unless it is written here already, and gives the offset after the last record that is held. */
  async nextOffset(topic: string, partition: number): Promise<number> {
    return this.exclusive(async () => (await this.#claim(topic, partition)).nextOffset);
  }

  /** As `nextOffset`, without taking the partition over: of one that another replica writes, as far as it has stored it. */
  async landed(topic: string, partition: number): Promise<number> {
    return this.exclusive(async () => {
      const buffer = await this.#stillHeld(topic, partition);
      return buffer?.nextOffset ?? (await readManifest(this.#options.dataDir, topic, partition)).manifest.nextOffset;
    });
  }

  /** Rejects with EVL_FEATURES_HISTORY_TAKEN unless the partition is written here: ask for `nextOffset` again then, and go on from there. */
  async append(topic: string, partition: number, rows: readonly HistoryRow[], nextOffset: number): Promise<void> {
    await this.exclusive(async () => {
      const buffer = this.#buffers.get(`${topic}/${partition}`);
      if (buffer === undefined) throw errors.historyTaken(topic, partition);
      for (const row of rows) {
        if (row.offset < buffer.nextOffset) continue;
        if (buffer.rows === 0) buffer.firstOffset = row.offset;
        buffer.lastOffset = row.offset;
        buffer.minTimeMs = Math.min(buffer.minTimeMs, row.timeMs);
        buffer.maxTimeMs = Math.max(buffer.maxTimeMs, row.timeMs);
        buffer.lateRows += row.knownMs > row.timeMs ? 1 : 0;
        buffer.maxLagMs = Math.max(buffer.maxLagMs, row.knownMs - row.timeMs);
        buffer.rows += 1;
        buffer.pending.push(row);
      }
      buffer.nextOffset = Math.max(buffer.nextOffset, nextOffset);
      if (buffer.pending.length >= pendingRowsMax) await this.#drain(buffer);
      if (buffer.rows >= this.#options.bufferedRowsMax && !(await this.#flush(buffer)))
        throw errors.historyTaken(topic, partition);
    });
  }

  release(topic: string, partition: number): void {
    void this.exclusive(() => this.#drop(topic, partition));
  }

  async flush(): Promise<void> {
    await this.exclusive(() => this.#flushAll());
  }

  /** SQL of a source's whole table; call it inside `exclusive` and use it there. */
  async relation(table: HistoryTable): Promise<string> {
    const names = [...Object.values(offlineColumns), ...table.fields.map(({ name }) => sqlName(name))].join(', ');
    const files: string[] = [];
    for (let partition = 0; partition < table.partitions; partition++) {
      const buffer = await this.#stillHeld(table.topic, partition);
      if (buffer !== undefined) await this.#drain(buffer);
      // Partitions that another replica holds are seen as far as it has stored them.
      const manifest = buffer?.manifest ?? (await readManifest(this.#options.dataDir, table.topic, partition)).manifest;
      const folder = partitionDir(this.#options.dataDir, table.topic, partition);
      for (const { file } of manifest.files) files.push(sqlText(join(folder, file)));
    }
    const buffered = `SELECT ${names} FROM ${bufferTable(table.topic)}`;
    if (files.length === 0) return `(${buffered})`;
    const stored = `SELECT ${names} FROM read_parquet([${files.join(', ')}], union_by_name = true)`;
    return `(${stored} UNION ALL ${buffered})`;
  }

  /**
   * Whether every record of a source became known when it happened, so that nobody has to look for late ones. Call it inside `exclusive`
   * and after `relation`: what another replica stores in between may be late.
   */
  async isPunctual(table: HistoryTable): Promise<boolean> {
    for (let partition = 0; partition < table.partitions; partition++) {
      const buffer = await this.#stillHeld(table.topic, partition);
      if ((buffer?.lateRows ?? 0) > 0) return false;
      const manifest = buffer?.manifest ?? (await readManifest(this.#options.dataDir, table.topic, partition)).manifest;
      if (manifest.files.some(({ lateRows }) => lateRows > 0)) return false;
    }
    return true;
  }

  /** Tables that are declared. */
  declared(): readonly HistoryTable[] {
    return [...this.#tables.values()];
  }

  /** Manifests of the partitions that are written here. */
  held(): readonly Manifest[] {
    return [...this.#buffers.values()].map(({ manifest }) => manifest);
  }

  /**
   * Replaces the manifest of a partition that is written here by what `change` makes of it as it is now. False if the partition is
   * not written here any more, or `change` gives null.
   */
  async changeManifest(
    topic: string,
    partition: number,
    change: (manifest: Manifest) => Manifest | null,
  ): Promise<boolean> {
    return this.exclusive(async () => {
      const buffer = this.#buffers.get(`${topic}/${partition}`);
      const changed = buffer === undefined ? null : change(buffer.manifest);
      if (buffer === undefined || changed === null) return false;
      const stored = await this.#put(buffer, changed);
      if (stored === null) return false;
      this.#buffers.set(`${topic}/${partition}`, { ...buffer, ...stored });
      return true;
    });
  }

  /** Whether a partition is written here now, and by nobody else. */
  async isHeld(topic: string, partition: number): Promise<boolean> {
    return this.exclusive(async () => (await this.#stillHeld(topic, partition)) !== undefined);
  }

  /** Runs `work` with the manifest of a partition while nothing changes it, if it is written here now and by nobody else. */
  async whileHeld(topic: string, partition: number, work: (manifest: Manifest) => Promise<void>): Promise<void> {
    await this.exclusive(async () => {
      const buffer = await this.#stillHeld(topic, partition);
      if (buffer !== undefined) await work(buffer.manifest);
    });
  }

  /** Rows of a topic partition with an offset in [from, until), in order, at most `limit`. */
  async scan(
    topic: string,
    partition: number,
    range: { readonly from: number; readonly until: number; readonly limit: number },
  ): Promise<HistoryRow[]> {
    return this.exclusive(async () => {
      const table = this.#tables.get(topic);
      if (table === undefined) return [];
      const { partition: p, offset } = offlineColumns;
      const result = await this.#options.duck.columns(
        `SELECT * FROM ${await this.relation(table)} WHERE ${p} = ${partition} AND ${offset} >= ${range.from} ` +
          `AND ${offset} < ${range.until} ORDER BY ${offset} LIMIT ${range.limit}`,
      );
      return historyRows(result, table);
    });
  }

  table(source: string): HistoryTable | undefined {
    for (const table of this.#tables.values()) if (table.source === source) return table;
    return undefined;
  }

  /** A new version of the manifest, with the same content, makes whatever a former writer still tries fail. */
  async #claim(topic: string, partition: number): Promise<PartitionBuffer> {
    const known = await this.#stillHeld(topic, partition);
    if (known !== undefined) return known;
    for (let tries = 1; tries <= claimTries; tries += 1) {
      const { manifest, version } = await readManifest(this.#options.dataDir, topic, partition);
      const claimed = { manifest, version: version + 1 };
      if (!(await putManifest(this.#options.dataDir, claimed))) continue;
      const buffer = emptyBuffer(claimed);
      this.#buffers.set(`${topic}/${partition}`, buffer);
      return buffer;
    }
    throw errors.historyTaken(topic, partition);
  }

  /** The buffer of a partition that nobody has taken over; what was taken is forgotten. */
  async #stillHeld(topic: string, partition: number): Promise<PartitionBuffer | undefined> {
    const buffer = this.#buffers.get(`${topic}/${partition}`);
    if (buffer === undefined) return undefined;
    if ((await newestVersion(this.#options.dataDir, topic, partition)) === buffer.version) return buffer;
    await this.#taken(buffer);
    return undefined;
  }

  /** Stores the next manifest of a partition; null, and the partition is forgotten, when somebody has taken it over. */
  async #put(buffer: PartitionBuffer, manifest: Manifest): Promise<StoredManifest | null> {
    const next = { manifest, version: buffer.version + 1 };
    if (await putManifest(this.#options.dataDir, next)) return next;
    await this.#taken(buffer);
    return null;
  }

  async #taken({ topic, partition, rows }: PartitionBuffer): Promise<void> {
    await this.#drop(topic, partition);
    this.#options.telemetry.historyTaken(topic, partition, rows);
  }

  async #drop(topic: string, partition: number): Promise<void> {
    if (!this.#buffers.delete(`${topic}/${partition}`)) return;
    await this.#options.duck.run(`DELETE FROM ${bufferTable(topic)} WHERE ${offlineColumns.partition} = ${partition}`);
  }

  async #drain(buffer: PartitionBuffer): Promise<void> {
    if (buffer.pending.length === 0) return;
    const rows = buffer.pending.map((row): DuckValue[] => [
      buffer.partition,
      BigInt(row.offset),
      BigInt(row.timeMs),
      BigInt(row.knownMs),
      ...row.values,
    ]);
    await this.#options.duck.insertRows(bufferTableName(buffer.topic), rows);
    buffer.pending = [];
  }

  /** Of a partition that was taken over nothing is left to store. */
  async #flushAll(): Promise<void> {
    for (const buffer of [...this.#buffers.values()]) await this.#flush(buffer);
  }

  /** False when the partition was taken over: the rows are not stored, and not held any more. */
  async #flush(buffer: PartitionBuffer): Promise<boolean> {
    if (buffer.rows === 0) return true;
    const { dataDir, duck, telemetry } = this.#options;
    const { topic, partition, firstOffset, lastOffset, rows, minTimeMs, maxTimeMs, lateRows, maxLagMs } = buffer;
    await this.#drain(buffer);
    const file = partFileName(firstOffset, lastOffset);
    const path = join(partitionDir(dataDir, topic, partition), file);
    const mine = `FROM ${bufferTable(topic)} WHERE ${offlineColumns.partition} = ${partition}`;
    await duck.copyToParquet(`SELECT * ${mine} ORDER BY ${offlineColumns.offset}`, path);
    const part = { file, firstOffset, lastOffset, rows, minTimeMs, maxTimeMs, lateRows, maxLagMs };
    const files = [...buffer.manifest.files, part];
    const stored = await this.#put(buffer, { ...buffer.manifest, nextOffset: buffer.nextOffset, files });
    if (stored === null) {
      await rm(path, { force: true });
      return false;
    }
    await duck.run(`DELETE ${mine}`);
    this.#buffers.set(`${topic}/${partition}`, emptyBuffer(stored));
    telemetry.offlineWritten(topic, partition, rows);
    return true;
  }
}

function historyRows(result: ColumnTable, table: HistoryTable): HistoryRow[] {
  const numbers = (name: string, row: number): number => Number(result.columns.get(name)?.values[row]);
  return Array.from({ length: result.rows }, (_, row) => ({
    offset: numbers(offlineColumns.offset, row),
    timeMs: numbers(offlineColumns.timeMs, row),
    knownMs: numbers(offlineColumns.knownMs, row),
    values: table.fields.map(({ name }) => {
      const value = result.columns.get(name)?.values[row] ?? null;
      return typeof value === 'number' && Number.isNaN(value) ? null : value;
    }),
  }));
}

function bufferTableName(topic: string): string {
  return `newest.${topic}`;
}

function bufferTable(topic: string): string {
  return sqlName(bufferTableName(topic));
}

function columnsSql(table: HistoryTable): string {
  const { partition, offset, timeMs, knownMs } = offlineColumns;
  const fields = table.fields.map(({ name, type }) => `, ${sqlName(name)} ${type === 'string' ? 'VARCHAR' : 'DOUBLE'}`);
  return `${partition} INTEGER, ${offset} BIGINT, ${timeMs} BIGINT, ${knownMs} BIGINT${fields.join('')}`;
}
