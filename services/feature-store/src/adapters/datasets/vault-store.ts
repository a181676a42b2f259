import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { fsyncPath } from '@everloop/storage';
import { readPublicKey, seal, type PublicEvaluatorKey } from '@everloop/vault';

import { errors } from '../../errors.ts';

/** The sealed rows of fixed holdouts, in a folder that only this service's user may enter. */
export interface VaultStore {
  /** The evaluator's public key as it is now. */
  publicKey(): Promise<PublicEvaluatorKey>;
  /** Seals rows under the digest of their content; storing the same again replaces it. Resolves with the key's id. */
  put(contentHash: string, bytes: Uint8Array): Promise<string>;
  /** Sealed rows. EVL_FEATURES_VAULT_NOT_FOUND when they are not there. */
  get(contentHash: string, keyId: string): Promise<Buffer>;
}

const folderMode = 0o700;
const fileMode = 0o600;

export function createVaultStore(folder: string, publicKeyPath: string): VaultStore {
  const dir = resolve(folder);
  const pathOf = (contentHash: string, keyId: string): string => {
    if (!/^[0-9a-f]{64}$/.test(contentHash) || !/^[0-9a-f]{16}$/.test(keyId)) throw errors.vaultNotFound(contentHash);
    return join(dir, `${contentHash}-${keyId}.sealed`);
  };
  return {
    publicKey: () => readPublicKey(publicKeyPath),
    async put(contentHash, bytes) {
      const key = await readPublicKey(publicKeyPath);
      await mkdir(dir, { recursive: true, mode: folderMode });
      const path = pathOf(contentHash, key.keyId);
      const staged = `${path}.new`;
      const file = await open(staged, 'w', fileMode);
      try {
        await file.writeFile(seal(bytes, key, contentHash));
        await file.sync();
      } catch (error) {
        await rm(staged, { force: true });
        throw error;
      } finally {
        await file.close();
      }
      await rename(staged, path);
      await fsyncPath(dir);
      return key.keyId;
    },
    async get(contentHash, keyId) {
      return readFile(pathOf(contentHash, keyId)).catch((error: unknown) => {
        throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? errors.vaultNotFound(contentHash, error) : error;
      });
    },
  };
}
