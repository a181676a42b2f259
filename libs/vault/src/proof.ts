import { randomBytes, sign, verify } from 'node:crypto';
import { vaultError } from './errors.ts';
import type { EvaluatorKey, PublicEvaluatorKey } from './keys.ts';

/** What is asked for, by whom it is signed. Wall-clock time, epoch milliseconds. */
export interface OpenRequest {
  readonly ref: string;
  readonly purpose: string;
  readonly atMs: number;
  /** Random, used once. */
  readonly nonce: string;
  readonly signature: Uint8Array;
}

/** How far the clocks of both sides may be apart. */
const skewMsMax = 120_000;
/** Proofs that are remembered; each is valid for a few minutes only. */
const remembered = 10_000;

function message({ ref, purpose, atMs, nonce }: Omit<OpenRequest, 'signature'>): Buffer {
  return Buffer.from(JSON.stringify(['everloop open vault', ref, purpose, atMs, nonce]));
}

/** Signs the wish to open a vault. */
export function signOpening(
  key: EvaluatorKey,
  asked: { readonly ref: string; readonly purpose: string },
  nowMs: number,
): OpenRequest {
  const request = { ...asked, atMs: nowMs, nonce: randomBytes(16).toString('hex') };
  return { ...request, signature: sign(null, message(request), key.signing) };
}

/** Checks proofs; each is taken once. */
export class OpeningCheck {
  readonly #seen = new Map<string, number>();

  /** EVL_VAULT_DENIED unless the request is signed by the evaluator, fresh, and new. */
  check(request: OpenRequest, key: PublicEvaluatorKey, nowMs: number): void {
    const denied = (why: string) =>
      vaultError('EVL_VAULT_DENIED', `the vault opens for the evaluator (key ${key.keyId}) alone: ${why}`);
    if (!verify(null, message(request), key.signing, request.signature))
      throw denied('the signature is of no or another key');
    if (Math.abs(nowMs - request.atMs) > skewMsMax) throw denied('the request is not of this moment; set the clocks');
    for (const [nonce, atMs] of this.#seen) if (nowMs - atMs > 2 * skewMsMax) this.#seen.delete(nonce);
    if (this.#seen.has(request.nonce) || this.#seen.size >= remembered) throw denied('the request was used before');
    this.#seen.set(request.nonce, nowMs);
  }
}
