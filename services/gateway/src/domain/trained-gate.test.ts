import type { GateAction, GatedField } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTrainedGate } from './trained-gate.ts';

const fields: readonly GatedField[] = [
  { name: 'carrier', type: 'string', values: 'training', default: 'UA' },
  { name: 'dest', type: 'string', values: 'training', gate: { unseen: 'flag' } },
];
const categories = new Map([
  ['carrier', ['UA', 'AA']],
  ['dest', ['SFO']],
]);
const gateThat = (unseen: GateAction) =>
  createTrainedGate(
    {
      joinKey: 'trip',
      gate: { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen },
    },
    fields,
    '3',
    categories,
  );
const good = { trip: 'T', carrier: 'AA', dest: 'SFO', miles: 5 };
const found = (row: number, field: string, value: string, action: GateAction) => ({
  ...{ row, field, value: JSON.stringify(value), action, problem: 'unseen' },
});

describe('createTrainedGate', () => {
  it.each<[string, object]>([
    ['known values', good],
    ['a missing value, which is none', { trip: 'T' }],
    ['any value of other fields', { ...good, trip: 'ZZ', miles: 1e9 }],
  ])('has nothing to say about %s', (_name, row) => {
    expect(gateThat('reject').check([good, row as typeof good])).toBeNull();
    expect(gateThat('reject').flag([row as typeof good])).toEqual([]);
  });

  it.each<[GateAction, string, object]>([
    ['flag', 'flag', { ...good, carrier: 'ZZ' }],
    ['impute', 'impute', { trip: 'T', dest: 'SFO', miles: 5 }],
    ['default', 'default', { ...good, carrier: 'UA' }],
  ])('%s', (action, verdict, row) => {
    const rows = [good, { ...good, carrier: 'ZZ' }];
    expect(gateThat(action).check(rows)).toEqual({
      ...{ ok: true, verdict, rows: [good, row], findings: [found(1, 'carrier', 'ZZ', action)] },
    });
    expect(rows[1]).toEqual({ ...good, carrier: 'ZZ' });
  });

  it('keeps the very rows where values stay as they are, so that nothing is read again', () => {
    const rows = [{ ...good, dest: 'XX' }];
    const checked = gateThat('default').check(rows);
    expect(checked).toMatchObject({ ok: true, verdict: 'flag' });
    expect(checked?.ok === true && checked.rows).toBe(rows);
  });

  it('rejects with every reason and the version, though other fields would only be flagged', () => {
    const checked = gateThat('reject').check([
      { ...good, carrier: 'ZZ', dest: 'XX' },
      { ...good, carrier: '' },
    ]);
    const known = 'which is none of the 2 values that version 3 was trained with';
    expect(checked).toEqual({
      ok: false,
      reasons: [`field 'carrier' row 0 is "ZZ", ${known}`, `field 'carrier' row 1 is "", ${known}`],
      findings: [
        found(0, 'carrier', 'ZZ', 'reject'),
        found(0, 'dest', 'XX', 'flag'),
        found(1, 'carrier', '', 'reject'),
      ],
    });
  });

  it('says no more reasons than help, and how many there are', () => {
    const checked = gateThat('reject').check(Array.from({ length: 150 }, () => ({ ...good, carrier: 'ZZ' })));
    expect(checked?.ok === false && [checked.reasons.length, checked.reasons[100]]).toEqual([101, 'and 50 more']);
    expect(checked?.findings).toHaveLength(150);
  });

  it('flags what the policy would change or refuse, where a version answers in place of another', () => {
    const flagged = gateThat('reject').flag([{ ...good, carrier: 'ZZ', dest: 'XX' }]);
    expect(flagged).toEqual([found(0, 'carrier', 'ZZ', 'flag'), found(0, 'dest', 'XX', 'flag')]);
  });

  it('lets a model see only what it knows, for any rows and every policy that replaces', () => {
    const value = fc.option(fc.constantFrom('UA', 'AA', 'SFO', '', 'toString'), { nil: undefined });
    const row = fc.record({ carrier: value, dest: value }).map(({ carrier, dest }) => ({
      ...(carrier === undefined ? {} : { carrier }),
      ...(dest === undefined ? {} : { dest }),
    }));
    fc.assert(
      fc.property(fc.array(row), fc.constantFrom<GateAction>('impute', 'default'), (rows, action) => {
        const checked = gateThat(action).check(rows);
        const seen = checked === null ? rows : checked.ok ? checked.rows : [];
        expect(seen).toHaveLength(rows.length);
        for (const each of seen) expect(['UA', 'AA', undefined]).toContain(each['carrier']);
        const bad = rows.flatMap(({ carrier = 'UA', dest = 'SFO' }) => [
          ...(['UA', 'AA'].includes(carrier) ? [] : ['carrier']),
          ...(dest === 'SFO' ? [] : ['dest']),
        ]);
        expect(checked?.findings.map(({ field }) => field) ?? []).toEqual(bad);
      }),
    );
  });
});
