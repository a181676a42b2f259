import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { ServiceError } from '@everloop/service';

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

/**
 * As `writeWhole`, but only if nothing has the name yet: of several processes that try, on whatever hosts share the file system, exactly
 * one gets true (`link(2)` is atomic, on NFS too). Needs a file system with hard links: EVL_STORAGE_LINKS_MISSING.
 */
export async function createWhole(target: string, write: (staged: string) => Promise<void>): Promise<boolean> {
  const staged = await stagingPath(dirname(target), basename(target));
  try {
    await write(staged);
    await fsyncPath(staged);
    await link(staged, target);
    await fsyncPath(dirname(target));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS')
      throw noLinks(target, error);
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
}

/** Removes what a killed process left in `<folder>/.staging/`. Call it only while nothing else writes there. */
export async function clearStaging(folder: string): Promise<void> {
  await rm(join(folder, stagingFolder), { recursive: true, force: true });
}

function noLinks(target: string, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_LINKS_MISSING',
    kind: 'terminal',
    message: `the file system of ${target} has no hard links, by which one of several writers is chosen; put the folder on one that has (ext4, xfs, btrfs, zfs, APFS, NFS)`,
    cause,
  });
}
