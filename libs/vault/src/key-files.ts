import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { vaultError } from './errors.ts';
import {
  newKeyText,
  parseKey,
  parsePublicKey,
  publicKeyText,
  type EvaluatorKey,
  type PublicEvaluatorKey,
} from './keys.ts';

/** Modes: the owner alone; and everyone may read. */
const secretMode = 0o600;
const folderMode = 0o700;

/**
 * Reads the evaluator's key, or makes one when the file is not there. EVL_VAULT_KEY_EXPOSED when others than its owner may read it,
 * EVL_VAULT_KEY_INVALID when it holds no key.
 */
export async function ensureKey(path: string): Promise<EvaluatorKey> {
  await mkdir(dirname(path), { recursive: true, mode: folderMode });
  try {
    const file = await open(path, 'wx', secretMode);
    try {
      await file.writeFile(newKeyText());
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readKey(path);
}

/** Reads the evaluator's key. EVL_VAULT_KEY_NOT_FOUND, and the codes of `ensureKey`. */
export async function readKey(path: string): Promise<EvaluatorKey> {
  const mode = await stat(path).then(
    (found) => found.mode,
    (error: unknown) => {
      throw vaultError('EVL_VAULT_KEY_NOT_FOUND', `the evaluator's key ${path} cannot be read`, error);
    },
  );
  if ((mode & 0o077) !== 0)
    throw vaultError(
      'EVL_VAULT_KEY_EXPOSED',
      `${path} can be read by others than its owner: chmod 600 it, or better make a new one`,
    );
  return parseKey(await readFile(path, 'utf8'), path);
}

/** Publishes the public half, whole. */
export async function writePublicKey(path: string, key: PublicEvaluatorKey): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const staged = `${path}.${process.pid}.new`;
  await writeFile(staged, publicKeyText(key));
  await rename(staged, path);
}

/** Reads the public half. EVL_VAULT_KEY_NOT_FOUND, EVL_VAULT_KEY_INVALID. */
export async function readPublicKey(path: string): Promise<PublicEvaluatorKey> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const message = `there is no public key of the evaluator at ${path} (EVL_VAULT_PUBLIC_KEY): start the trainer, which makes one, or copy it there`;
    throw vaultError('EVL_VAULT_KEY_NOT_FOUND', message, error);
  });
  return parsePublicKey(text, path);
}
