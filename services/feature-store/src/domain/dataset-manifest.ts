import { canonicalJson, sha256Hex, type CheckResult, type DatasetManifest } from '@everloop/contracts';

import { errors } from '../errors.ts';

/** The manifest's bytes and their digest, which is the snapshot's id. */
export function encodeManifest(manifest: DatasetManifest): { readonly id: string; readonly bytes: Buffer } {
  const text = canonicalJson(manifest);
  return { id: sha256Hex(text), bytes: Buffer.from(text) };
}

/** Reads a manifest. EVL_FEATURES_SNAPSHOT_INVALID when it is of another format. */
export function decodeManifest(id: string, bytes: Uint8Array): DatasetManifest {
  try {
    const found = JSON.parse(Buffer.from(bytes).toString('utf8')) as DatasetManifest;
    if ((found.format as number) === 1) return found;
  } catch (error) {
    throw errors.snapshotInvalid(id, error);
  }
  throw errors.snapshotInvalid(id);
}

/** The worst of the checks. */
export function verdictOf(checks: readonly CheckResult[]): 'pass' | 'warn' | 'fail' {
  if (checks.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return checks.some(({ verdict }) => verdict === 'warn') ? 'warn' : 'pass';
}
