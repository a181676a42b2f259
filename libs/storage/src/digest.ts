import { createHash } from 'node:crypto';

import { ServiceError } from '@everloop/service';

const digestPattern = /^[0-9a-f]{64}$/;

/** SHA-256 of bytes as 64 lower-case hex digits: the address of an object. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Checks that text from outside is a digest before it becomes part of a path. Throws EVL_STORAGE_DIGEST_INVALID otherwise, so
 * that `../` can never be followed.
 */
export function checkDigest(digest: string): string {
  if (!digestPattern.test(digest)) {
    throw new ServiceError({
      code: 'EVL_STORAGE_DIGEST_INVALID',
      kind: 'terminal',
      message: `"${digest.slice(0, 80)}" is not a SHA-256 digest: give 64 lower-case hexadecimal digits`,
    });
  }
  return digest;
}
