import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';
import type { Reason, Verdict } from '@everloop/records';
import { createValidator } from './validate.ts';

function record(offset: bigint, value: string): BusRecord {
  return {
    topic: 't',
    partition: 3,
    offset,
    key: Buffer.from('k'),
    value: Buffer.from(value),
    headers: { ce_id: `e${offset}` },
    timestampMs: 1_000 + Number(offset),
  };
}

const valid: Verdict = { kind: 'valid', value: null, record: {}, timeMs: 1, unexpected: null };

function quarantine(reasons: readonly Reason[]): Verdict {
  return { kind: 'quarantine', reasons, record: null, timeMs: null };
}

const silent = {
  judged: () => undefined,
  forgotten: () => undefined,
  sourceStarted: () => undefined,
  contractChanged: () => undefined,
  needsRestart: () => undefined,
  sourceFailed: () => undefined,
};

function contextOf(out: OutRecord[]): TaskContext {
  return { partition: 3, replaying: false, emit: (r) => void out.push(r), emitWatermark: () => undefined };
}

describe('createValidator', () => {
  it('sends each record with key, bytes, headers and place to valid or quarantine, and watermarks to valid', () => {
    const out: OutRecord[] = [];
    const marks: unknown[] = [];
    const told: unknown[] = [];
    const seen: unknown[] = [];
    const context: TaskContext = {
      partition: 3,
      replaying: false,
      emit: (r) => void out.push(r),
      emitWatermark: (...args) => void marks.push(args),
    };
    const reasons = [{ rule: 'required', path: 'x', message: 'm', value: '' }];
    const verdicts: Record<string, Verdict> = {
      good: valid,
      trimmed: { ...valid, value: '{}' },
      bad: quarantine(reasons),
    };
    const handler = createValidator({
      source: 's',
      topic: 't',
      check: () => (value) => verdicts[Buffer.from(value ?? '').toString()] ?? valid,
      unique: null,
      telemetry: { ...silent, judged: (...args) => void told.push(args) },
      observe: ({ offset }, { kind }) => void seen.push([offset, kind]),
    });
    void handler.onRecords(
      { topic: 't', partition: 3, records: [record(5n, 'good'), record(6n, 'trimmed'), record(7n, 'bad')] },
      context,
    );
    void handler.onWatermark?.(99, context);
    const key = Buffer.from('k');
    expect(out).toEqual([
      {
        topic: 't.valid',
        partition: 3,
        key,
        value: Buffer.from('good'),
        headers: { ce_id: 'e5', 'evl-src': 't/3/5' },
        timestampMs: 1_005,
      },
      {
        topic: 't.valid',
        partition: 3,
        key,
        value: '{}',
        headers: { ce_id: 'e6', 'evl-src': 't/3/6' },
        timestampMs: 1_006,
      },
      {
        topic: 't.quarantine',
        partition: 3,
        key,
        value: Buffer.from('bad'),
        headers: { ce_id: 'e7', 'evl-src': 't/3/7', 'evl-reasons': JSON.stringify(reasons) },
        timestampMs: 1_007,
      },
    ]);
    expect(out.every(({ rawHeaders }) => rawHeaders === undefined)).toBe(true);
    expect(marks).toEqual([['t.valid', 99]]);
    expect(told).toEqual([
      ['s', { valid: 2, quarantined: 1, byRule: new Map([['required', 1]]), unexpected: new Map() }],
    ]);
    expect(seen).toEqual([
      [5n, 'valid'],
      [6n, 'valid'],
      [7n, 'quarantine'],
    ]);
  });

  it('keeps headers that are no text, and lets no record bring its own place', () => {
    const out: OutRecord[] = [];
    const raw = { id: [Buffer.from([1, 0xff])], 'evl-src': [Buffer.from('a'), Buffer.from('b')] };
    const handler = createValidator({
      source: 's',
      topic: 't',
      check: () => (value) => (value?.length === 1 ? valid : quarantine([])),
      unique: null,
      telemetry: silent,
    });
    const records = ['1', '22'].map((value, i) => ({ ...record(BigInt(i), value), rawHeaders: raw }));
    void handler.onRecords({ topic: 't', partition: 3, records }, contextOf(out));
    expect(out.map(({ rawHeaders, headers }) => [rawHeaders, headers?.['evl-src']])).toEqual([
      [{ id: raw.id }, 't/3/0'],
      [{ id: raw.id }, 't/3/1'],
    ]);
  });
});
