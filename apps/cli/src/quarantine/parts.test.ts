import type { BusRecord } from '@everloop/kafka';
import type { Verdict } from '@everloop/records';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexDump, showBytes, visible } from './bytes.ts';
import { QuarantineCounts } from './counts.ts';
import { exportLine, readEditedLine } from './export-line.ts';
import { mergePatch, parseExactJson } from './merge-patch.ts';
import { sentBack } from './quarantined.ts';
import { ReplayCounts } from './replay-counts.ts';
import { decide, readPatch, type ReplayContext, type ReplayRequest } from './replay-plan.ts';
import { isSelected, readPlace, readSince } from './select.ts';

function record(
  more: Partial<BusRecord> = {},
  reasons: readonly object[] = [{ rule: 'required', path: 'delay' }],
): BusRecord {
  return {
    topic: 't.quarantine',
    partition: 1,
    offset: 7n,
    key: Buffer.from('k'),
    value: Buffer.from('{"id":"a"}'),
    timestampMs: 1_000,
    ...more,
    headers: { 'evl-src': 't/1/3', 'evl-reasons': JSON.stringify(reasons), ce_id: 'e', ...more.headers },
  };
}

describe('JSON merge patch', () => {
  // The test cases of RFC 7396, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('%s with %s', (target, patch, expected) => {
    expect(JSON.stringify(mergePatch(parseExactJson(target), parseExactJson(patch)))).toBe(expected);
  });

  it('numbers keep their digits, and __proto__ is a name like any other', () => {
    const text = '{"a":1.50,"b":9007199254740993,"c":1e2,"__proto__":{"x":1}}';
    expect(JSON.stringify(mergePatch(parseExactJson(text), parseExactJson('{"a":0.10}')))).toBe(
      text.replace('1.50', '0.10'),
    );
  });

  it('a patch that is none', () => {
    expect(() => readPatch('[1]')).toThrow(/merge patch/);
    expect(() => readPatch('{')).toThrow(/merge patch/);
  });
});

describe('which records', () => {
  it.each([
    ['all', {}, true],
    ['its rule', { rule: 'required' }, true],
    ['another rule', { rule: 'min' }, false],
    ['its column', { path: 'delay' }, true],
    ['its rule about another column', { rule: 'required', path: 'id' }, false],
    ['since then', { sinceMs: 1_000 }, true],
    ['since later', { sinceMs: 1_001 }, false],
    ['its place', { places: new Set(['1/7']) }, true],
    ['another place', { places: new Set(['0/7']) }, false],
  ])('%s', (_name, selection, expected) => {
    expect(isSelected(record(), selection)).toBe(expected);
  });

  it('damaged reasons select nothing and break nothing', () => {
    expect(isSelected(record({ headers: { 'evl-reasons': '{' } }), { rule: 'required' })).toBe(false);
  });

  it('times and places are read, anything else is refused', () => {
    const since = readSince(() => 10_000_000);
    expect([since('1h'), since('1970-01-01T00:00:05Z')]).toEqual([6_400_000, 5_000]);
    expect(() => since('yesterday')).toThrow(/wanted/);
    expect(readPlace('0/4711')).toEqual({ partition: 0, offset: 4_711n });
    expect(() => readPlace('4711')).toThrow(/0\/4711/);
  });
});

describe('counts', () => {
  it('by rule and column, elements of an array together, a record once for each', () => {
    const counts = new QuarantineCounts();
    const reasons = [
      { rule: 'type', path: 'items[0].sku' },
      { rule: 'type', path: 'items[1].sku' },
      { rule: 'required', path: 'id' },
    ];
    counts.add(record({ timestampMs: 5 }, reasons), false);
    counts.add(record({ timestampMs: 9 }), true);
    expect(counts.kinds()).toMatchObject([
      { rule: 'required', path: 'delay', records: 1, firstMs: 9, lastMs: 9 },
      { rule: 'required', path: 'id', records: 1 },
      { rule: 'type', path: 'items[].sku', records: 1, firstMs: 5 },
    ]);
    expect([counts.records, counts.replayed, counts.firstMs, counts.lastMs]).toEqual([2, 1, 5, 9]);
  });

  it('periods are hours, days or months, at most 31, and nothing is lost', () => {
    const hour = 3_600_000;
    for (const [hours, lengthMs] of [
      [20, hour],
      [200, 24 * hour],
      [2_000, 720 * hour],
    ] as const) {
      const counts = new QuarantineCounts();
      for (let n = 0; n < hours; n += 1) counts.add(record({ timestampMs: n * hour }), false);
      const { periods, lengthMs: found } = counts.periods();
      expect([found, periods.length <= 31, periods.reduce((sum, { records }) => sum + records, 0)]).toEqual([
        lengthMs,
        true,
        hours,
      ]);
    }
  });

  it('memory is bounded: the 501st kind of reason is "other"', () => {
    const counts = new QuarantineCounts();
    for (let n = 0; n < 2_000; n += 1) counts.add(record({}, [{ rule: 'unexpected', path: `x${n}` }]), false);
    expect(counts.kinds().length).toBe(501);
    expect(counts.kinds()[0]).toMatchObject({ rule: 'other', records: 1_500 });
  });
});

describe('bytes for a person', () => {
  it.each([
    ['JSON is indented', Buffer.from('{"a":1}'), '{\n  "a": 1\n}'],
    ['text', Buffer.from('{"a":'), '{"a":'],
    ['nothing', null, '(no value: a tombstone)'],
    ['empty', Buffer.alloc(0), '(empty)'],
    ['control characters cannot steer the terminal', Buffer.from('\u001b[2Jx'), '\\u001b[2Jx'],
    ['binary is dumped', Buffer.from([0xff, 0x41]), '00000000  ff 41                                            .A'],
  ])('%s', (_name, value, expected) => {
    expect(showBytes(value)).toBe(expected);
  });

  it('long values are cut unless all is wanted', () => {
    expect(showBytes(Buffer.alloc(10_000, 0x61))).toMatch(/… 6000 more characters; --full shows them$/);
    expect(showBytes(Buffer.alloc(10_000, 0xff))).toMatch(/… 9488 more bytes/);
    expect(showBytes(Buffer.alloc(10_000, 0x61), true)).toHaveLength(10_000);
  });

  it('docstring examples', () => {
    expect(hexDump(Buffer.from([0, 65]), 512)).toBe('00000000  00 41                                            .A');
    expect(visible('a\nb\t\u0085')).toBe('a\nb\t\\u0085');
  });
});

describe('export and back', () => {
  it.each([
    ['JSON, whatever its spaces', Buffer.from('{ "a" : 1.50, "b": 9007199254740993 }')],
    ['text that is no JSON', Buffer.from('{"a":')],
    ['bytes that are no text', Buffer.from([0xff, 0, 1])],
    ['no value', null],
  ])('%s: an untouched line gives the same bytes', (_name, value) => {
    const line = readEditedLine(exportLine(record({ value })), 1, 't.quarantine');
    expect([line.place, line.valueFor(value)]).toEqual(['1/7', value]);
  });

  it('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const value = Buffer.from(bytes);
        expect(readEditedLine(exportLine(record({ value })), 1, 't.quarantine').valueFor(value)).toEqual(value);
      }),
    );
  });

  it('an edited line gives what was written, to the digit', () => {
    const line = exportLine(record()).replace('"id":"a"', '"id":"a","price":1.10');
    expect(readEditedLine(line, 1, 't.quarantine').valueFor(record().value)?.toString()).toBe(
      '{"id":"a","price":1.10}',
    );
  });

  it.each([
    ['no JSON', '{', /line 3 is no JSON object/],
    ['of another topic', exportLine(record({ topic: 'u.quarantine' })), /line 3: its topic is "u.quarantine"/],
    ['without its place', '{"topic":"t.quarantine","value":{}}', /line 3 has no offset/],
  ])('a line that is %s', (_name, text, message) => {
    expect(() => readEditedLine(text, 3, 't.quarantine')).toThrow(message);
  });
});

describe('what is to become of a record', () => {
  const good: Verdict = { kind: 'valid', value: null, record: {}, timeMs: 0, unexpected: null };
  const bad: Verdict = {
    kind: 'quarantine',
    reasons: [{ rule: 'required', path: 'delay', message: '', value: '' }],
    record: null,
    timeMs: null,
  };
  const context: ReplayContext = {
    sourceTopic: 't',
    check: (value) => (Buffer.from(value ?? '').includes('"delay":0') ? good : bad),
  };
  const asked = (more: Partial<ReplayRequest> = {}): ReplayRequest => ({ force: false, ...more });
  const no = (): boolean => false;

  it('one that would be quarantined again is held back, with why', () => {
    expect(decide(record(), asked(), context, no)).toEqual({ kind: 'hold-back', rules: ['required delay'] });
    expect(decide(record(), asked({ force: true }), context, no)).toMatchObject({ kind: 'send', passes: false });
  });

  it('one that passes is sent to the same partition with its key, headers and place, and becomes known now', () => {
    const decision = decide(
      record({ headers: { 'evl-known': '5' } }),
      asked({ patch: readPatch('{"delay":0}') }),
      context,
      no,
    );
    expect(decision).toEqual({
      kind: 'send',
      passes: true,
      rules: [],
      record: {
        ...{ topic: 't', partition: 1, key: Buffer.from('k'), value: Buffer.from('{"id":"a","delay":0}') },
        headers: { ce_id: 'e', 'evl-replay-of': 't.quarantine/1/7' },
      },
    });
  });

  it('one that was sent before, or is not selected, is left alone', () => {
    expect(decide(record(), asked(), context, (place) => place === '1/7').kind).toBe('sent-before');
    expect(decide(record(), asked({ rule: 'min' }), context, no).kind).toBe('not-selected');
    expect(decide(record(), asked({ edited: new Map() }), context, no).kind).toBe('not-selected');
  });

  it('a patch does not touch what is no JSON object', () => {
    const value = Buffer.from([0xff]);
    const decision = decide(record({ value }), asked({ patch: {}, force: true }), context, no);
    expect(decision.kind === 'send' && decision.record.value).toEqual(value);
  });

  it('exact headers go along, except those that are written here', () => {
    const rawHeaders = { id: [Buffer.from([1, 0xff])], 'evl-src': [Buffer.from('x')] };
    expect(sentBack(record({ rawHeaders }), 't', null).rawHeaders).toEqual({ id: rawHeaders.id });
  });

  it('the summary adds up and says what to do', () => {
    const counts = new ReplayCounts();
    for (const kind of ['hold-back', 'sent-before', 'not-selected'] as const)
      counts.add(kind === 'hold-back' ? { kind, rules: ['min x'] } : { kind });
    counts.add({ kind: 'send', record: sentBack(record(), 't', null), passes: true, rules: [] });
    expect(counts.text('s', true).split('\n')).toEqual([
      '1 records of s would be sent back, 1 of them pass the contract as it is applied now',
      expect.stringMatching(/^1 would be quarantined again and stay; repair them/),
      '1 were sent back before and are left alone',
      '1 are not selected',
      '',
      'STILL WRONG  RECORDS',
      'min x        1',
    ]);
  });
});
