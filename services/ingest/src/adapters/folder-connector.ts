import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { DuckDb } from '@everloop/storage';
import { errors } from '../errors.ts';
import type { Connector, Part } from '../ports.ts';
import { csvChunks } from './csv-chunks.ts';
import { parquetChunks } from './parquet-chunks.ts';

/** Most files of one source: each costs about 200 bytes of memory and of the position topic, for ever. */
export const partsMax = 100_000;

/** Whether a name is that of a finished file of the format: not hidden, not temporary (`.x`, `_x`, `x.tmp`). */
export function isDataFile(name: string, format: 'csv' | 'parquet'): boolean {
  const segments = name.split('/');
  return name.endsWith(`.${format}`) && !segments.some((segment) => /^[._]/.test(segment));
}

/** Names in the order of their UTF-16 code units; the same on every machine. */
export function byName(a: Part, b: Part): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/**
 * Files under a folder, also in folders below, in the order of their names. A file must appear whole (write it under another name or
 * with a leading dot, then rename it). Version: size and SHA-256; hint: size and time of change.
 */
export function createFolderConnector(options: {
  readonly root: string;
  readonly path: string;
  readonly format: 'csv' | 'parquet';
  readonly duck: DuckDb;
}): Connector {
  const { root, path, format, duck } = options;
  const folder = join(root, path);

  async function fileOf(part: Part): Promise<string> {
    const file = join(folder, part.name);
    await checkInside(file);
    return file;
  }

  /** Links must not lead out of the root: a resource could name anything on the machine otherwise. */
  async function checkInside(file: string): Promise<void> {
    const [real, realRoot] = await Promise.all([realpath(file), realpath(root)]);
    if (real !== realRoot && !real.startsWith(`${realRoot}${sep}`)) throw errors.pathOutside(file, root);
  }

  return {
    async list() {
      await checkInside(folder).catch((error: unknown) => {
        throw isMissing(error) ? errors.folderMissing(path, root, error) : error;
      });
      const parts: Part[] = [];
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        const name = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
        if (!entry.isFile() || !isDataFile(name, format)) continue;
        if (parts.length >= partsMax) throw errors.tooManyParts(folder, partsMax);
        const { size, mtimeMs } = await stat(join(folder, name));
        parts.push({ name, hint: `${size} ${mtimeMs}`, grows: false });
      }
      return parts.sort(byName);
    },
    async version(part, signal) {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of createReadStream(await fileOf(part), { signal })) {
        hash.update(chunk as Buffer);
        bytes += (chunk as Buffer).length;
      }
      return `${bytes} ${hash.digest('hex')}`;
    },
    async *read(part, _version, cursor, signal) {
      const file = await fileOf(part);
      if (format === 'parquet') yield* parquetChunks(duck, part.name, file, cursor);
      else yield* csvChunks(part.name, cursor, (start) => Promise.resolve(createReadStream(file, { start, signal })));
    },
    close: () => Promise.resolve(),
  };
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES';
}
