import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GateAction, GatePolicy, GatedField } from '@everloop/contracts';
import { createGate, findingText, stronger, type Gated, type GateFinding } from './gate.ts';
import type { Column } from './tensors.ts';

const request: readonly GatedField[] = [
  { name: 'flight_id', type: 'string' },
  { name: 'distance', type: 'number', min: 0, max: 6_000, default: 500 },
  { name: 'carrier', type: 'string', values: ['UA', 'AA'], default: 'UA' },
];
const rejects: GatePolicy = { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen: 'reject' };
const gate = createGate({ request, joinKey: 'flight_id' });
const gateThat = (policy: Partial<GatePolicy>) =>
  createGate({ request, joinKey: 'flight_id', gate: { ...rejects, ...policy } });
const flight = (...values: string[]): Column => ({ name: 'flight_id', datatype: 'BYTES', values });
const distance = (...values: number[]): Column => ({ name: 'distance', datatype: 'FP64', values });
const carrier = (...values: string[]): Column => ({ name: 'carrier', datatype: 'BYTES', values });
const reasonsOf = (gated: Gated): readonly string[] => (gated.ok ? [] : gated.reasons);

describe('createGate', () => {
  it('turns columns into rows, in whatever order they come', () => {
    expect(gate.check([carrier('AA', 'UA'), distance(0, 6_000), flight('a', 'b')], 2)).toEqual({
      ok: true,
      rows: [
        { flight_id: 'a', distance: 0, carrier: 'AA' },
        { flight_id: 'b', distance: 6_000, carrier: 'UA' },
      ],
      verdict: 'accept',
      findings: [],
    });
  });

  it.each<[string, readonly Column[], string]>([
    ['a missing field', [flight('a'), carrier('UA')], "field 'distance' (number) is missing"],
    [
      'an unknown field',
      [flight('a'), carrier('UA'), distance(1), { ...distance(1), name: 'dist' }],
      "input 'dist' is not a request field (flight_id, distance, carrier)",
    ],
    [
      'text for a number',
      [flight('a'), { ...flight('1'), name: 'distance' }, carrier('UA')],
      "'distance' has datatype BYTES, expected FP64",
    ],
    [
      'a number for text',
      [{ ...distance(1), name: 'flight_id' }, distance(1), carrier('UA')],
      "'flight_id' has datatype FP64, expected BYTES",
    ],
    ['NaN', [flight('a'), distance(Number.NaN), carrier('UA')], "field 'distance' row 0 is NaN"],
    ['infinity', [flight('a', 'b'), distance(1, Infinity), carrier('UA', 'UA')], "field 'distance' row 1 is Infinity"],
    ['a number out of range', [flight('a'), distance(-1), carrier('UA')], 'row 0 is -1, expected 0 to 6000'],
    [
      'an unseen category',
      [flight('a'), distance(1), carrier('ZZ')],
      `field 'carrier' row 0 is "ZZ", which is none of the 2 known values`,
    ],
    ['an empty join key', [flight(''), distance(1), carrier('UA')], "join key 'flight_id' row 0 is empty"],
    [
      'a text without end',
      [flight('x'.repeat(5_000)), distance(1), carrier('UA')],
      'has 5000 characters, at most 4096',
    ],
  ])('refuses %s', (_name, columns, reason) => {
    const gated = gate.check(columns, columns[0]?.values.length ?? 0);
    expect(reasonsOf(gated)).toHaveLength(1);
    expect(reasonsOf(gated)[0]).toContain(reason);
  });

  it('says all that is wrong at once, and no more than helps', () => {
    expect(reasonsOf(gate.check([distance(Number.NaN, -1), carrier('x', 'UA')], 2))).toHaveLength(4);
    const rows = 256;
    const reasons = reasonsOf(
      gate.check(
        [flight(...Array<string>(rows).fill('a')), distance(...Array<number>(rows).fill(-1)), carrier()],
        rows,
      ),
    );
    expect(reasons).toHaveLength(101);
    expect(reasons.at(-1)).toBe('and 156 more');
  });

  it('cuts short what it shows of a value', () => {
    const [reason = ''] = reasonsOf(gate.check([flight('a'), distance(1), carrier('Z'.repeat(4_000))], 1));
    expect(reason.length).toBeLessThan(150);
  });
});

describe('the policy of a model', () => {
  const bad = [flight('a', 'b'), distance(-5, 10), carrier('UA', 'ZZ')];

  it('flags: the value is kept, and what was wrong is known', () => {
    expect(gateThat({ outOfRange: 'flag', unseen: 'flag' }).check(bad, 2)).toEqual({
      ok: true,
      rows: [
        { flight_id: 'a', distance: -5, carrier: 'UA' },
        { flight_id: 'b', distance: 10, carrier: 'ZZ' },
      ],
      verdict: 'flag',
      findings: [
        { row: 0, field: 'distance', problem: 'outOfRange', action: 'flag', value: '-5' },
        { row: 1, field: 'carrier', problem: 'unseen', action: 'flag', value: '"ZZ"' },
      ],
    });
  });

  it('imputes: the model sees a missing value', () => {
    const gated = gateThat({ missing: 'impute', notFinite: 'impute' }).check([flight('a'), distance(Number.NaN)], 1);
    expect(gated).toMatchObject({ ok: true, rows: [{ flight_id: 'a' }], verdict: 'impute' });
    expect(gated.findings.map(findingText)).toEqual([
      'distance row 0: notFinite NaN, impute',
      'carrier row 0: missing, impute',
    ]);
  });

  it('uses the default of the field, also where the field is not there at all', () => {
    const gated = gateThat({ missing: 'default', outOfRange: 'default' }).check(
      [flight('a', 'b'), distance(1, 1e9)],
      2,
    );
    expect(gated.ok ? gated.rows : []).toEqual([
      { flight_id: 'a', distance: 1, carrier: 'UA' },
      { flight_id: 'b', distance: 500, carrier: 'UA' },
    ]);
  });

  it('is overruled by that of a field, and for the join key by none', () => {
    const own = createGate({
      request: [
        request[0] ?? { name: 'flight_id', type: 'string' },
        { ...(request[1] ?? never()), gate: { missing: 'default' } },
      ],
      joinKey: 'flight_id',
      gate: { ...rejects, missing: 'impute' },
    });
    expect(own.check([flight('a')], 1)).toMatchObject({ ok: true, rows: [{ flight_id: 'a', distance: 500 }] });
    expect(reasonsOf(own.check([distance(1)], 1))).toEqual(["field 'flight_id' (string) is missing"]);
  });

  it('gives one verdict: the strongest', () => {
    expect(gateThat({ outOfRange: 'flag', unseen: 'default' }).check(bad, 2)).toMatchObject({ verdict: 'default' });
    expect(stronger('accept', 'flag')).toBe('flag');
    expect(stronger('default', 'impute')).toBe('default');
  });

  it('lets through only rows that satisfy it, and accounts for every value that does not, whatever comes', () => {
    const actions = <T extends GateAction>(...allowed: T[]) => fc.constantFrom(...allowed);
    const policies = fc.record({
      missing: actions('reject', 'impute', 'default'),
      notFinite: actions('reject', 'impute', 'default'),
      outOfRange: actions('reject', 'flag', 'impute', 'default'),
      unseen: actions('reject', 'flag', 'impute', 'default'),
    });
    const rows = fc.array(fc.tuple(fc.double(), fc.constantFrom('UA', 'AA', 'ZZ', '')), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(policies, rows, fc.boolean(), (policy, values, hasCarrier) => {
        const columns = [flight(...values.map((_, row) => `f${row}`)), distance(...values.map(([number]) => number))];
        if (hasCarrier) columns.push(carrier(...values.map(([, text]) => text)));
        const gated = gateThat(policy).check(columns, values.length);
        const expected = values.flatMap(([number, text]) => {
          const problems: (keyof GatePolicy)[] = [];
          if (!Number.isFinite(number)) problems.push('notFinite');
          else if (number < 0 || number > 6_000) problems.push('outOfRange');
          if (!hasCarrier) problems.push('missing');
          else if (text !== 'UA' && text !== 'AA') problems.push('unseen');
          return problems;
        });
        expect(gated.ok).toBe(expected.every((problem) => policy[problem] !== 'reject'));
        if (!gated.ok) return;
        const count = (found: readonly string[]) => [...found].sort();
        expect(count(gated.findings.map(({ problem }) => problem))).toEqual(count(expected));
        for (const [row, { distance: number, carrier: text }] of gated.rows.entries()) {
          const kept = (field: string) => gated.findings.find((found) => found.row === row && found.field === field);
          expectKept(kept('distance'), number, values[row]?.[0], 500);
          expectKept(kept('carrier'), text, values[row]?.[1], 'UA');
        }
      }),
    );
  });
});

function expectKept(finding: GateFinding | undefined, value: unknown, asked: unknown, fallback: unknown): void {
  if (finding === undefined || finding.action === 'flag') expect(value).toBe(asked);
  else expect(value).toBe(finding.action === 'default' ? fallback : undefined);
}

function never(): never {
  throw new Error('the fixture has three fields');
}
