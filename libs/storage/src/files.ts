import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Folder beside a target in which files are written before they are renamed into place. */
export const stagingFolder = '.staging';

/** Flushes a file's or a folder's content to the disk. */
export async function fsyncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A new name under `<folder>/.staging/` for a file that will be published into `folder`. */
export async function stagingPath(folder: string, name: string): Promise<string> {
  const staging = join(folder, stagingFolder);
  await mkdir(staging, { recursive: true });
  return join(staging, `${randomUUID()}-${name}`);
}

/** Makes a staged file appear whole under its final name: fsync, rename, fsync of the folder. Same file system only. */
export async function publishFile(staged: string, target: string): Promise<void> {
  await fsyncPath(staged);
  await rename(staged, target);
  await fsyncPath(dirname(target));
}

/**
 * Runs `write` on a staged path and then publishes the file as `target`; a reader sees the old file or the new one, never a
 * part. On failure the staged file is removed.
 */
export async function writeWhole(target: string, write: (staged: string) => Promise<void>): Promise<void> {
  const staged = await stagingPath(dirname(target), basename(target));
  try {
    await write(staged);
    await publishFile(staged, target);
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
}

/** Removes what a killed process left in `<folder>/.staging/`. Call it only while nothing else writes there. */
export async function clearStaging(folder: string): Promise<void> {
  await rm(join(folder, stagingFolder), { recursive: true, force: true });
}
