import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { DuckDb, S3 } from '@everloop/storage';
import { errors } from '../errors.ts';
import type { Connector, Part } from '../ports.ts';
import { csvChunks } from './csv-chunks.ts';
import { byName, isDataFile, partsMax } from './folder-connector.ts';
import { parquetChunks } from './parquet-chunks.ts';

/**
 * Objects under a prefix, in the order of their names. Version and hint: size and etag; every read asks for that etag, so that
 * two versions can never be mixed. CSV is read as it comes, from any offset; Parquet is brought to `tempDir` first, one at a time.
 */
export function createS3Connector(options: {
  readonly s3: S3;
  readonly bucket: string;
  readonly prefix: string;
  readonly format: 'csv' | 'parquet';
  readonly duck: DuckDb;
  readonly tempDir: string;
}): Connector {
  const { s3, bucket, prefix, format, duck, tempDir } = options;
  const object = (part: Part) => ({ bucket, key: `${prefix}${part.name}`, etag: etagOf(part.hint) });

  async function* parquet(part: Part, cursor: string, signal: AbortSignal) {
    await mkdir(tempDir, { recursive: true });
    const name = createHash('sha256').update(`${bucket}/${prefix}${part.name}`).digest('hex');
    const file = join(tempDir, `${name}.parquet`);
    try {
      await asPartErrors(part, () => s3.download(object(part), file, signal));
      yield* parquetChunks(duck, part.name, file, cursor);
    } finally {
      await rm(file, { force: true });
    }
  }

  async function bytesFrom(part: Part, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    // A range that begins at the end is an error of S3.
    if (from >= Number.parseInt(part.hint, 10)) return Readable.from([]);
    return asPartErrors(part, () => s3.read({ ...object(part), from }, signal));
  }

  return {
    async list(signal) {
      const parts: Part[] = [];
      for await (const { key, bytes, etag } of s3.list(bucket, prefix, signal)) {
        const name = key.slice(prefix.length);
        if (!isDataFile(name, format)) continue;
        if (parts.length >= partsMax) throw errors.tooManyParts(`${bucket}/${prefix}`, partsMax);
        parts.push({ name, hint: `${bytes} ${etag}`, grows: false });
      }
      return parts.sort(byName);
    },
    version: (part) => Promise.resolve(part.hint),
    async *read(part, _version, cursor, signal) {
      if (format === 'parquet') yield* parquet(part, cursor, signal);
      else yield* csvChunks(part.name, cursor, (from) => bytesFrom(part, from, signal));
    },
    close: () => Promise.resolve(),
  };
}

function etagOf(hint: string): string {
  return hint.slice(hint.indexOf(' ') + 1);
}

async function asPartErrors<T>(part: Part, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { readonly code?: unknown } | null)?.code === 'EVL_STORAGE_S3_CHANGED')
      throw errors.partChanged(part.name);
    throw error;
  }
}
