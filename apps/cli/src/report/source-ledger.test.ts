import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSourceBalanced, SourceLedger } from './source-ledger.ts';

function ledgerOf(
  rawOffsets: readonly number[],
  outputs: readonly (readonly ['valid' | 'quarantine', string])[],
): SourceLedger {
  const ledger = new SourceLedger('t');
  for (const offset of rawOffsets) ledger.addRaw(0, BigInt(offset));
  for (const [output, source] of outputs) ledger.addOutput(output, source);
  return ledger;
}

describe('SourceLedger', () => {
  it.each([
    ['nothing at all', [], [], { records: 0 }],
    ['one record, one output', [5], [['valid', 't/0/5']], { records: 1, valid: 1 }],
    ['a record that is nowhere', [5], [], { records: 1, missing: 1 }],
    [
      'a record written twice',
      [5],
      [
        ['valid', 't/0/5'],
        ['valid', 't/0/5'],
      ],
      { duplicated: 1, valid: 1 },
    ],
    [
      'a record in both outputs',
      [5],
      [
        ['valid', 't/0/5'],
        ['quarantine', 't/0/5'],
      ],
      { inBoth: 1 },
    ],
    ['an output of nothing', [], [['valid', 't/0/5']], { unknown: 1, records: 0 }],
    ['an output of another topic', [], [['valid', 'u/0/5']], { unknown: 1 }],
    ['an output without a source', [], [['quarantine', 'nonsense']], { unknown: 1 }],
  ] as const)('%s', (_name, rawOffsets, outputs, expected) => {
    expect(ledgerOf(rawOffsets, outputs).balance()).toMatchObject(expected);
  });

  it('balances when every record has one output, in any order', () => {
    const offsets = fc.uniqueArray(fc.record({ offset: fc.nat(5_000), isValid: fc.boolean() }), {
      selector: (r) => r.offset,
    });
    fc.assert(
      fc.property(offsets, (records) => {
        const ledger = ledgerOf(
          records.map(({ offset }) => offset),
          records
            .toReversed()
            .map(({ offset, isValid }) => [isValid ? 'valid' : 'quarantine', `t/0/${String(offset)}`]),
        );
        const balance = ledger.balance();
        expect(isSourceBalanced(balance)).toBe(true);
        expect(balance.records).toBe(records.length);
        expect(balance.valid + balance.quarantined).toBe(records.length);
      }),
    );
  });
});
