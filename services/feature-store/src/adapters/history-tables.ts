import { join } from 'node:path';

import { offlineColumns } from '@everloop/features';
import { sqlName, sqlText, type ColumnTable, type DuckDb, type DuckValue } from '@everloop/storage';

import type { HistoryRow, HistoryTable } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { partFileName, partitionDir, readManifest, writeManifest, type Manifest } from './manifest.ts';

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
  manifest: Manifest;
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

function emptyBuffer(manifest: Manifest): PartitionBuffer {
  const { topic, partition, nextOffset } = manifest;
  const range = { firstOffset: 0, lastOffset: 0, minTimeMs: Infinity, maxTimeMs: -Infinity, lateRows: 0, maxLagMs: 0 };
  return { topic, partition, manifest, nextOffset, pending: [], rows: 0, ...range };
}

/**
 * The history of every source as a table: Parquet files that a manifest lists, and the newest rows in a table of DuckDB. A topic
 * partition has one writer. All operations run one after the other.
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

  async nextOffset(topic: string, partition: number): Promise<number> {
    return this.exclusive(async () => (await this.#buffer(topic, partition)).nextOffset);
  }

  async append(topic: string, partition: number, rows: readonly HistoryRow[], nextOffset: number): Promise<void> {
    await this.exclusive(async () => {
      const buffer = await this.#buffer(topic, partition);
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
      if (buffer.rows >= this.#options.bufferedRowsMax) await this.#flush(buffer);
    });
  }

  release(topic: string, partition: number): void {
    void this.exclusive(async () => {
      if (!this.#buffers.delete(`${topic}/${partition}`)) return;
      await this.#options.duck.run(
        `DELETE FROM ${bufferTable(topic)} WHERE ${offlineColumns.partition} = ${partition}`,
      );
    });
  }

  async flush(): Promise<void> {
    await this.exclusive(() => this.#flushAll());
  }

  /** SQL of a source's whole table; call it inside `exclusive` and use it there. */
  async relation(table: HistoryTable): Promise<string> {
    const names = [...Object.values(offlineColumns), ...table.fields.map(({ name }) => sqlName(name))].join(', ');
    const files: string[] = [];
    for (let partition = 0; partition < table.partitions; partition++) {
      const buffer = this.#buffers.get(`${table.topic}/${partition}`);
      if (buffer !== undefined) await this.#drain(buffer);
      // Partitions that another replica holds are seen as far as it has stored them.
      const manifest = buffer?.manifest ?? (await readManifest(this.#options.dataDir, table.topic, partition));
      const folder = partitionDir(this.#options.dataDir, table.topic, partition);
      for (const { file } of manifest.files) files.push(sqlText(join(folder, file)));
    }
    const buffered = `SELECT ${names} FROM ${bufferTable(table.topic)}`;
    if (files.length === 0) return `(${buffered})`;
    const stored = `SELECT ${names} FROM read_parquet([${files.join(', ')}], union_by_name = true)`;
    return `(${stored} UNION ALL ${buffered})`;
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
      await writeManifest(this.#options.dataDir, changed);
      buffer.manifest = changed;
      return true;
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

  async #buffer(topic: string, partition: number): Promise<PartitionBuffer> {
    const key = `${topic}/${partition}`;
    const known = this.#buffers.get(key);
    if (known !== undefined) return known;
    const buffer = emptyBuffer(await readManifest(this.#options.dataDir, topic, partition));
    this.#buffers.set(key, buffer);
    return buffer;
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

  async #flushAll(): Promise<void> {
    for (const buffer of this.#buffers.values()) await this.#flush(buffer);
  }

  async #flush(buffer: PartitionBuffer): Promise<void> {
    if (buffer.rows === 0) return;
    const { dataDir, duck, telemetry } = this.#options;
    const { topic, partition, firstOffset, lastOffset, rows, minTimeMs, maxTimeMs, lateRows, maxLagMs } = buffer;
    await this.#drain(buffer);
    const file = partFileName(firstOffset, lastOffset);
    const mine = `FROM ${bufferTable(topic)} WHERE ${offlineColumns.partition} = ${partition}`;
    await duck.copyToParquet(
      `SELECT * ${mine} ORDER BY ${offlineColumns.offset}`,
      join(partitionDir(dataDir, topic, partition), file),
    );
    const part = { file, firstOffset, lastOffset, rows, minTimeMs, maxTimeMs, lateRows, maxLagMs };
    const files = [...buffer.manifest.files, part];
    const manifest: Manifest = { ...buffer.manifest, nextOffset: buffer.nextOffset, files };
    await writeManifest(dataDir, manifest);
    await duck.run(`DELETE ${mine}`);
    this.#buffers.set(`${topic}/${partition}`, emptyBuffer(manifest));
    telemetry.offlineWritten(topic, partition, rows);
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
