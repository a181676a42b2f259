import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TypedResource } from '@everloop/contracts';
import { openDuckDb, type DuckDb } from '@everloop/storage';

import { HistoryTables } from '../src/adapters/history-tables.ts';
import { createParquetHistory } from '../src/adapters/parquet-history.ts';
import { topologyOf, type Topology } from '../src/domain/topology.ts';
import type { History } from '../src/ports.ts';
import { silentTelemetry } from './fixtures.ts';

/** A record of a source; `knownMs` is `timeMs` where it is not given. Offsets count up by source and partition. */
export interface WorldRecord {
  readonly source: string;
  readonly partition?: number;
  readonly timeMs: number;
  readonly knownMs?: number;
  readonly fields: Readonly<Record<string, number | string | null>>;
}

/** A history in a folder of its own, without Kafka: records go in as the sink would put them. */
export interface HistoryWorld {
  readonly dir: string;
  readonly duck: DuckDb;
  readonly tables: HistoryTables;
  readonly history: History;
  readonly topology: Topology;
  add(records: readonly WorldRecord[]): Promise<void>;
  close(): Promise<void>;
}

export async function createHistoryWorld(resources: readonly TypedResource[]): Promise<HistoryWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'evl-history-'));
  const duck = await openDuckDb({ memoryLimitMib: 256, threads: 1 });
  const tables = new HistoryTables({ dataDir: dir, duck, bufferedRowsMax: 1_000, telemetry: silentTelemetry });
  const history = createParquetHistory({ duck, tables });
  const topology = topologyOf(resources);
  await history.declare([...topology.work.values()].map(({ table }) => table));
  return {
    ...{ dir, duck, tables, history, topology },
    async add(records) {
      for (const key of new Set(records.map(({ source, partition = 0 }) => `${source}/${partition}`))) {
        const mine = records.filter(({ source, partition = 0 }) => `${source}/${partition}` === key);
        const [{ source, partition = 0 } = { source: '' }] = mine;
        const table = tables.table(source);
        if (table === undefined) throw new Error(`no source ${source}`);
        const first = await history.nextOffset(table.topic, partition);
        const rows = mine.map(({ timeMs, knownMs = timeMs, fields }, index) => {
          const values = table.fields.map(({ name }) => fields[name] ?? null);
          return { offset: first + index, timeMs, knownMs, values };
        });
        await history.append(table.topic, partition, rows, first + rows.length);
      }
    },
    async close() {
      duck.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
