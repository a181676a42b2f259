import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { validTopic, type SourceSpec } from '@everloop/contracts';
import { badInput } from '../../errors.ts';

/** Parquet files of a Source's history, as the newest manifests list them (docs/adr/0012-fenced-manifests.md). */
export interface SourceFiles {
  readonly files: readonly string[];
  /** Per partition: offset after the last record in the files. */
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly end: number }[];
}

/** Reads `<dataDir>/offline/<topic>.valid/<partition>/`. What a feature store still buffers is not in files, and so not seen. */
export async function historyFiles(dataDir: string, source: SourceSpec): Promise<SourceFiles> {
  const topic = validTopic(source.topic);
  const found: { files: string[]; offsets: SourceFiles['offsets'][number][] } = { files: [], offsets: [] };
  for (let partition = 0; partition < source.partitions; partition += 1) {
    const folder = resolve(dataDir, 'offline', topic, String(partition));
    const { files, nextOffset } = await newestManifest(folder);
    found.files.push(...files.map(({ file }) => join(folder, file)));
    found.offsets.push({ topic, partition, end: nextOffset });
  }
  if (found.files.length === 0)
    throw badInput(
      `${resolve(dataDir)} has no files of ${topic}: name the EVL_DATA_DIR of the feature store by --data-dir, and wait until it has stored the first records`,
    );
  return found;
}

interface Listed {
  readonly files: readonly { readonly file: string }[];
  readonly nextOffset: number;
}

/** A version may be removed between the look and the read; the next look finds a newer one. */
const tries = 20;

async function newestManifest(folder: string): Promise<Listed> {
  for (let left = tries; ; left -= 1) {
    const names = await readdir(join(folder, 'manifests')).catch(() => []);
    const newest = names
      .filter((name) => /^\d+\.json$/.test(name))
      .sort()
      .at(-1);
    if (newest === undefined) return { files: [], nextOffset: 0 };
    try {
      return JSON.parse(await readFile(join(folder, 'manifests', newest), 'utf8')) as Listed;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || left <= 0) throw error;
    }
  }
}
