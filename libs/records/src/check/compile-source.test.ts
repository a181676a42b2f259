import type { FieldContract, SourceSpec } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSource } from './compile-source.ts';
import { builtinRules, reasonsMax, type Verdict } from './verdict.ts';

const limits = { recordBytesMax: 1_048_576 };
const eventTime: Record<string, FieldContract> = { at: { type: 'timestamp', required: true } };

function spec(fields: Record<string, FieldContract>, more: Partial<SourceSpec> = {}): SourceSpec {
  return {
    topic: 't',
    partitions: 1,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    compatibility: 'backward',
    unique: [],
    fields: { ...eventTime, ...fields },
    rules: [],
    ...more,
  };
}

function rulesOf(verdict: Verdict): string[] {
  return verdict.kind === 'valid' ? [] : verdict.reasons.map((r) => `${r.rule} ${r.path}`.trim());
}

function judge(source: SourceSpec, record: unknown): Verdict {
  return compileSource(source, limits)(Buffer.from(JSON.stringify(record)));
}

const at = 1_357_000_000_000;

describe('bytes that are no record', () => {
  const deep = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  const check = compileSource(spec({}, { unexpected: 'keep' }), limits);
  it.each([
    ['null', null, 'null_value'],
    ['nothing', Buffer.alloc(0), 'not_json'],
    ['a broken character', Buffer.from([0x7b, 0xc3, 0x28, 0x7d]), 'not_utf8'],
    ['more than the limit', Buffer.alloc(1_048_577, '1'), 'too_large'],
    ['half an object', Buffer.from('{"a":1'), 'not_json'],
    ['an array', Buffer.from('[1]'), 'not_object'],
    ['JSON null', Buffer.from('null'), 'not_object'],
    ['a number', Buffer.from('7'), 'not_object'],
    ['65 levels', Buffer.from(deep(64)), 'too_deep'],
    ['a megabyte of brackets', Buffer.from(deep(500_000)), 'too_deep'],
  ] as const)('%s', (_name, bytes, rule) => {
    const verdict = check(bytes);
    expect(rulesOf(verdict)).toEqual([rule]);
    expect(verdict.kind === 'quarantine' && verdict.reasons.every((r) => r.value.length <= 200)).toBe(true);
  });

  it('64 levels are a record', () => {
    expect(rulesOf(check(Buffer.from(deep(63))))).toEqual(['required at']);
  });
});

describe('a field', () => {
  it.each([
    { name: 'text', field: { type: 'string', required: true }, value: 'a', rules: [] },
    { name: 'absent', field: { type: 'string', required: true }, value: undefined, rules: ['required x'] },
    { name: 'null', field: { type: 'string', required: true }, value: null, rules: ['required x'] },
    { name: 'optional and null', field: { type: 'number', required: false, min: 1 }, value: null, rules: [] },
    { name: 'a number for a text', field: { type: 'string', required: true }, value: 1, rules: ['type x'] },
    { name: 'a text for a number', field: { type: 'number', required: true }, value: '1', rules: ['type x'] },
    {
      name: 'a fraction for a whole number',
      field: { type: 'integer', required: true },
      value: 1.5,
      rules: ['type x'],
    },
    {
      name: 'a whole number that is not exact',
      field: { type: 'integer', required: true },
      value: 2 ** 53,
      rules: ['type x'],
    },
    { name: 'a boolean', field: { type: 'boolean', required: true }, value: 'true', rules: ['type x'] },
    { name: 'at the limits', field: { type: 'number', required: true, min: 1, max: 1 }, value: 1, rules: [] },
    { name: 'below', field: { type: 'number', required: true, min: 1 }, value: 0.999, rules: ['min x'] },
    { name: 'above', field: { type: 'integer', required: true, max: 9 }, value: 10, rules: ['max x'] },
    { name: 'short', field: { type: 'string', required: true, minLength: 2 }, value: 'a', rules: ['min_length x'] },
    { name: 'long', field: { type: 'string', required: true, maxLength: 2 }, value: 'abc', rules: ['max_length x'] },
    {
      name: 'one emoji is one character, short',
      field: { type: 'string', required: true, minLength: 2 },
      value: '🛫',
      rules: ['min_length x'],
    },
    {
      name: 'two emoji are two characters',
      field: { type: 'string', required: true, maxLength: 2 },
      value: '🛫🛬',
      rules: [],
    },
    {
      name: 'pattern',
      field: { type: 'string', required: true, pattern: '^[A-Z]{3}$' },
      value: 'JFk',
      rules: ['pattern x'],
    },
    { name: 'set', field: { type: 'string', required: true, values: ['A', 'B'] }, value: 'C', rules: ['values x'] },
    { name: 'set of numbers', field: { type: 'integer', required: true, values: [1, 2] }, value: 2, rules: [] },
    {
      name: 'everything wrong at once',
      field: { type: 'string', required: true, minLength: 3, pattern: '^a', values: ['abc'] },
      value: 'b',
      rules: ['min_length x', 'pattern x', 'values x'],
    },
    {
      name: 'time as text',
      field: { type: 'timestamp', required: true },
      value: '2013-01-01T05:00:00-05:00',
      rules: [],
    },
    {
      name: 'a day that does not exist',
      field: { type: 'timestamp', required: true },
      value: '2013-02-29T00:00:00Z',
      rules: ['type x'],
    },
  ] as { name: string; field: FieldContract; value: unknown; rules: string[] }[])(
    '$name',
    ({ field, value, rules }) => {
      expect(rulesOf(judge(spec({ x: field }), { at, x: value }))).toEqual(rules);
    },
  );

  it('named like something that every object has is absent all the same', () => {
    const text: FieldContract = { type: 'string', required: true };
    const source = spec(Object.fromEntries([['constructor', text]]));
    expect(rulesOf(judge(source, { at }))).toEqual(['required constructor']);
  });

  it('that JSON reads as infinite is no number', () => {
    const verdict = compileSource(
      spec({ x: { type: 'number', required: true } }),
      limits,
    )(Buffer.from(`{"at":${at},"x":1e999}`));
    expect(verdict).toMatchObject({ reasons: [{ rule: 'type', path: 'x', value: 'Infinity' }] });
  });
});

describe('the event time', () => {
  const source = spec({ at: { type: 'number', required: false } });
  it.each([
    ['present', { at }, []],
    ['absent although its contract allows that', {}, ['event_time at']],
    ['a fraction', { at: 1.5 }, ['event_time at']],
    ['already found wrong: said once', { at: 'x' }, ['type at']],
  ] as const)('%s', (_name, record, rules) => {
    expect(rulesOf(judge(source, record))).toEqual(rules);
  });
});

describe('unexpected columns', () => {
  const record = { b: 2, at, more: [1], a: 'x' };
  const fields = { a: { type: 'string', required: true }, b: { type: 'number', required: true } } as const;
  it.each([
    ['reject', { kind: 'quarantine', reasons: [{ rule: 'unexpected', path: 'more', value: '[1]' }] }],
    ['drop', { kind: 'valid', value: JSON.stringify({ b: 2, at, a: 'x' }) }],
    ['keep', { kind: 'valid', value: null }],
  ] as const)('%s', (unexpected, expected) => {
    expect(judge(spec(fields, { unexpected }), record)).toMatchObject(expected);
  });

  it('in great number do not make a great header', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`c${i}`.repeat(20), 'x'.repeat(50)]));
    const verdict = judge(spec({}), { at, ...many });
    expect(verdict.kind === 'quarantine' && verdict.reasons.length).toBe(reasonsMax + 1);
    expect(JSON.stringify(verdict.kind === 'quarantine' && verdict.reasons).length).toBeLessThan(60_000);
  });
});

describe('CEL rules', () => {
  const source = spec(
    { from: { type: 'string', required: true }, to: { type: 'string', required: true } },
    { rules: [{ name: 'goes', cel: 'record.from != record.to' }] },
  );
  it.each([
    ['true', { at, from: 'a', to: 'b' }, []],
    ['false', { at, from: 'a', to: 'a' }, ['cel:goes']],
    ['that cannot be evaluated do not hold, beside the other reasons', { at, from: 'a' }, ['required to', 'cel:goes']],
  ] as const)('%s', (_name, record, rules) => {
    expect(rulesOf(judge(source, record))).toEqual(rules);
  });

  it('that do not compile are refused when the contract is compiled', () => {
    expect(() => compileSource(spec({}, { rules: [{ name: 'r', cel: 'record.' }] }), limits)).toThrow(
      expect.objectContaining({ code: 'EVL_CEL_INVALID' }) as Error,
    );
  });
});

describe('any bytes', () => {
  const source = spec(
    {
      id: { type: 'string', required: true, maxLength: 5, pattern: '^[a-z]*$' },
      n: { type: 'number', required: false, min: 0 },
    },
    { rules: [{ name: 'r', cel: 'record.id != "zz"' }] },
  );
  const rules: ReadonlySet<string> = new Set([...builtinRules, 'cel:r']);

  it('are judged without an exception, the same each time, by known rules', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ at: fc.anything(), id: fc.anything(), n: fc.anything() }, { requiredKeys: [] })
        .map((record) =>
          Buffer.from(JSON.stringify(record, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))),
        ),
    );
    const check = compileSource(source, limits);
    fc.assert(
      fc.property(bytes, (value) => {
        const verdict = check(value);
        expect(check(value)).toEqual(verdict);
        if (verdict.kind === 'valid') return;
        expect(verdict.reasons.length).toBeGreaterThan(0);
        for (const r of verdict.reasons) expect([rules.has(r.rule), r.value.length <= 200]).toEqual([true, true]);
      }),
    );
  });

  it('with dropped columns are JSON with just the listed columns, and valid themselves', () => {
    const check = compileSource({ ...source, unexpected: 'drop' }, limits);
    const columns = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 8 });
    fc.assert(
      fc.property(columns, fc.stringMatching(/^[a-y]{0,5}$/), (extra, id) => {
        const record = { ...extra, at, id, n: 1 };
        const verdict = check(Buffer.from(JSON.stringify(record)));
        expect(verdict.kind).toBe('valid');
        if (verdict.kind !== 'valid' || verdict.value === null) return;
        expect(JSON.parse(verdict.value)).toEqual({ at, id, n: 1 });
        expect(check(Buffer.from(verdict.value))).toMatchObject({ kind: 'valid', value: null });
      }),
    );
  });
});
