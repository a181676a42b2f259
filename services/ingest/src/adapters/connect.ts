import { join } from 'node:path';
import type { BatchSpec } from '@everloop/contracts';
import { pause } from '@everloop/service';
import { createPostgres, createS3, type DuckDb } from '@everloop/storage';
import { postgresConnection, s3Connection } from '../config.ts';
import type { Connector } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { createFolderConnector } from './folder-connector.ts';
import { createPostgresConnector } from './postgres-connector.ts';
import { createS3Connector } from './s3-connector.ts';

export interface ConnectOptions {
  readonly root: string;
  readonly dataDir: string;
  readonly duck: DuckDb;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
}

/** The connector of a batch source. What a kind needs was checked when the resource was applied. */
export function createConnect(options: ConnectOptions): (source: string, batch: BatchSpec) => Connector {
  const { root, dataDir, duck, env, telemetry } = options;
  return (source, batch) => {
    const { connection = '', path = '', cursor } = batch;
    switch (batch.kind) {
      case 'parquet':
      case 'csv':
        return createFolderConnector({ root, path, format: batch.kind, duck });
      case 's3': {
        const { bucket = '', prefix = '', format = 'parquet' } = batch;
        const s3 = createS3(s3Connection(connection, env));
        return createS3Connector({ s3, bucket, prefix, format, duck, tempDir: join(dataDir, 'objects', source) });
      }
      case 'postgres':
        return createPostgresConnector({
          postgres: createPostgres({ url: postgresConnection(connection, env), name: `everloop-ingest/${source}` }),
          cursor,
          heldBack: (transactions) => telemetry.heldBack(source, transactions),
          pause,
          ...(batch.table === undefined ? {} : { table: batch.table }),
          ...(batch.query === undefined ? {} : { query: batch.query }),
        });
    }
  };
}
