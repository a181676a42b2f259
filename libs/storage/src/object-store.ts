import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { ServiceError } from '@everloop/service';

import { checkDigest, digestOf } from './digest.ts';
import { publishFile, stagingPath } from './files.ts';

/** Bytes under the SHA-256 of their content. What is stored is never changed; storing it again is harmless. */
export interface ObjectStore {
  readonly dir: string;
  /** Stores bytes durably (fsync) and resolves with their digest, 64 hex digits. */
  put(bytes: Uint8Array): Promise<string>;
  /** Stores a file that was written at a `stage` path; it is moved, not copied. */
  putFile(stagedPath: string): Promise<string>;
  /** A path on the store's own file system to write a file at, for `putFile`. */
  stage(name: string): Promise<string>;
  /**
   * Reads and checks an object. EVL_STORAGE_OBJECT_NOT_FOUND when there is none, EVL_STORAGE_DIGEST_MISMATCH when its bytes
   * changed on the disk, EVL_STORAGE_DIGEST_INVALID when `digest` is not one.
   */
  get(digest: string): Promise<Buffer>;
  has(digest: string): Promise<boolean>;
  /** Where an object lies, for programs that need a file; it may not exist. EVL_STORAGE_DIGEST_INVALID. */
  path(digest: string): string;
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function notFound(dir: string, digest: string, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_OBJECT_NOT_FOUND',
    kind: 'terminal',
    message: `Object ${digest} is not in the object store ${dir}: check EVL_OBJECT_STORE, or store it again`,
    cause,
  });
}

function mismatch(path: string, digest: string, found: string): ServiceError {
  return new ServiceError({
    code: 'EVL_STORAGE_DIGEST_MISMATCH',
    kind: 'terminal',
    message: `Object ${digest} is corrupt: the bytes of ${path} have the digest ${found}; remove the file and store the object again`,
  });
}

/** Object store in a folder: `<dir>/<first two digits>/<digest>`, staged under `<dir>/.staging/`. */
export function createObjectStore(folder: string): ObjectStore {
  const dir = resolve(folder);
  const path = (digest: string): string => join(dir, checkDigest(digest).slice(0, 2), digest);

  async function publish(staged: string, digest: string): Promise<string> {
    const target = path(digest);
    await mkdir(dirname(target), { recursive: true });
    await publishFile(staged, target);
    return digest;
  }

  return {
    dir,
    path,
    stage: (name) => stagingPath(dir, name),
    async put(bytes) {
      const digest = digestOf(bytes);
      const staged = await stagingPath(dir, digest);
      try {
        await writeFile(staged, bytes);
        return await publish(staged, digest);
      } catch (error) {
        await rm(staged, { force: true });
        throw error;
      }
    },
    async putFile(staged) {
      return publish(staged, await digestOfFile(staged));
    },
    async get(digest) {
      const file = path(digest);
      const bytes = await readFile(file).catch((error: unknown) => {
        throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? notFound(dir, digest, error) : error;
      });
      const found = digestOf(bytes);
      if (found !== digest) throw mismatch(file, digest, found);
      return bytes;
    },
    async has(digest) {
      return access(path(digest)).then(
        () => true,
        () => false,
      );
    },
  };
}
