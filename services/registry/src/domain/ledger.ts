import { sha256Hex } from '@everloop/contracts';

/** What an entry records. */
export type LedgerType = 'resource.applied' | 'version.registered' | 'stage.changed';

/** A fact before it has a place in the chain. */
export interface LedgerFact {
  readonly type: LedgerType;
  /** What it is about: `<kind>/<name>` or `<model>@<version>`. */
  readonly subject: string;
  /** Canonical JSON. */
  readonly body: string;
}

/** A fact in its place. `sequence` counts from 1. */
export interface LedgerEntry extends LedgerFact {
  readonly sequence: number;
  readonly previousHash: string;
  readonly hash: string;
}

/** The hash that the first entry covers. */
export const genesisHash = '0'.repeat(64);

/**
 * SHA-256 over the hash before, the place and the fact; hex. Lengths are hashed too, so that nothing can move from one
 * field to another.
 */
export function entryHash(previousHash: string, sequence: number, fact: LedgerFact): string {
  const parts = [previousHash, String(sequence), fact.type, fact.subject, fact.body];
  return sha256Hex(parts.map((part) => `${part.length}:${part}`).join(''));
}

/** The entry that follows `previous` (null for the first). */
export function nextEntry(
  previous: { readonly sequence: number; readonly hash: string } | null,
  fact: LedgerFact,
): LedgerEntry {
  const sequence = (previous?.sequence ?? 0) + 1;
  const previousHash = previous?.hash ?? genesisHash;
  return { ...fact, sequence, previousHash, hash: entryHash(previousHash, sequence, fact) };
}

/** What a walk over the chain found. `brokenAt` is the first sequence that does not fit, null when all do. */
export interface ChainVerdict {
  readonly entries: number;
  readonly head: string;
  readonly brokenAt: number | null;
}

/** Recomputes every hash. O(entries); memory does not grow with them. */
export function verifyChain(entries: Iterable<LedgerEntry>): ChainVerdict {
  let count = 0;
  let head = genesisHash;
  let brokenAt: number | null = null;
  for (const entry of entries) {
    count++;
    const fits =
      entry.sequence === count && entry.previousHash === head && entry.hash === entryHash(head, count, entry);
    if (!fits && brokenAt === null) brokenAt = count;
    head = entry.hash;
  }
  return { entries: count, head, brokenAt };
}
