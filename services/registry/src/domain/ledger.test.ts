import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { genesisHash, type LedgerEntry, type LedgerFact, nextEntry, verifyChain } from './ledger.ts';

const fact = fc.record<LedgerFact>({
  type: fc.constantFrom('resource.applied', 'version.registered', 'stage.changed'),
  subject: fc.string(),
  body: fc.json(),
});

function chain(facts: readonly LedgerFact[]): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (const item of facts) entries.push(nextEntry(entries.at(-1) ?? null, item));
  return entries;
}

describe('verifyChain', () => {
  it('an empty ledger is intact', () => {
    expect(verifyChain([])).toEqual({ entries: 0, head: genesisHash, brokenAt: null });
  });

  it('every chain that was appended to is intact', () => {
    fc.assert(
      fc.property(fc.array(fact), (facts) => {
        const entries = chain(facts);
        expect(verifyChain(entries)).toEqual({
          entries: facts.length,
          head: entries.at(-1)?.hash ?? genesisHash,
          brokenAt: null,
        });
      }),
    );
  });

  it('finds any changed, removed, repeated or swapped entry', () => {
    const change = fc.constantFrom('body', 'subject', 'remove', 'repeat', 'swap');
    fc.assert(
      fc.property(fc.array(fact, { minLength: 3, maxLength: 10 }), fc.nat(), change, (facts, at, what) => {
        const entries = chain(facts);
        const i = at % (entries.length - 1);
        const [entry, after] = entries.slice(i, i + 2);
        if (entry === undefined || after === undefined) throw new Error('unreachable');
        if (what === 'body') entries[i] = { ...entry, body: `${entry.body} ` };
        if (what === 'subject') entries[i] = { ...entry, subject: `${entry.subject}x` };
        if (what === 'remove') entries.splice(i, 1);
        if (what === 'repeat') entries.splice(i, 0, entry);
        if (what === 'swap') entries.splice(i, 2, after, entry);
        expect(verifyChain(entries).brokenAt).not.toBeNull();
      }),
    );
  });
});
