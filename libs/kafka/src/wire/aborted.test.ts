import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { committedRecords, type AbortedTransaction } from './aborted.ts';
import { BatchRecord } from './batch-read.ts';

const abortKey = Buffer.from([0, 0, 0, 0]);
const commitKey = Buffer.from([0, 0, 0, 1]);

function record(position: number, producer: number, what: { control?: Buffer; isPlain?: boolean; key?: Buffer } = {}) {
  const isControl = what.control !== undefined;
  const context = {
    ...{ firstOffset: BigInt(position), lastOffset: BigInt(position), firstTimestampMs: 0, appendTimeMs: null },
    ...{ producerId: BigInt(producer), inTransaction: what.isPlain !== true, isControl },
  };
  const key = what.control ?? what.key ?? null;
  const headerBytes = { bytes: Buffer.alloc(0), at: 0, count: 0 };
  return new BatchRecord(context, { position: BigInt(position), timestampMs: 0 }, { key, value: null, headerBytes });
}

const positions = (records: readonly BatchRecord[]): number[] => records.map(({ position }) => Number(position));

interface Log {
  readonly records: readonly BatchRecord[];
  /** In the order in which they ended, as the broker keeps them. */
  readonly aborted: readonly (AbortedTransaction & { readonly lastOffset: number })[];
  readonly committed: ReadonlySet<number>;
  /** No transaction that is open at the end begins before it. */
  readonly stable: number;
}

type Step = readonly ['write' | 'commit' | 'abort' | 'plain', number];

/** What a broker's log of these steps is, and which of its records count. */
function logOf(steps: readonly Step[]): Log {
  const records: BatchRecord[] = [];
  const aborted: (AbortedTransaction & { lastOffset: number })[] = [];
  const committed = new Set<number>();
  const open = new Map<number, number[]>();
  for (const [kind, producer] of steps) {
    const at = records.length;
    if (kind === 'plain') {
      records.push(record(at, producer, { isPlain: true }));
      committed.add(at);
    } else if (kind === 'write') {
      // A key of four zeros looks like a marker that gives a transaction up, and is data.
      records.push(record(at, producer, { key: abortKey }));
      open.set(producer, [...(open.get(producer) ?? []), at]);
    } else {
      const mine = open.get(producer);
      if (mine === undefined) continue;
      open.delete(producer);
      records.push(record(at, producer, { control: kind === 'abort' ? abortKey : commitKey }));
      if (kind === 'commit') for (const one of mine) committed.add(one);
      else aborted.push({ producerId: String(producer), firstOffset: String(mine[0] ?? 0), lastOffset: at });
    }
  }
  const stable = Math.min(records.length, ...[...open.values()].map(([first = 0]) => first));
  return { records, aborted, committed, stable };
}

describe('committedRecords', () => {
  it('leaves out two transactions that overlap, though the broker lists the later one first', () => {
    const { records, aborted } = logOf([
      ['write', 1],
      ['write', 2],
      ['abort', 2],
      ['write', 1],
      ['abort', 1],
      ['write', 1],
      ['commit', 1],
    ]);
    expect(aborted.map(({ firstOffset }) => firstOffset)).toEqual(['1', '0']);
    expect(positions(committedRecords(records, aborted))).toEqual([5]);
  });

  it('leaves out all transactions that began before what was fetched', () => {
    const { records, aborted } = logOf([
      ['write', 1],
      ['write', 2],
      ['write', 2],
      ['abort', 1],
      ['abort', 2],
    ]);
    expect(positions(committedRecords(records.slice(2), aborted))).toEqual([]);
  });

  it('does not take a key of four zeros for the end of a transaction', () => {
    const { records, aborted } = logOf([
      ['write', 1],
      ['write', 1],
      ['abort', 1],
    ]);
    expect(positions(committedRecords(records, aborted))).toEqual([]);
  });

  it('gives what was committed, however transactions overlap and wherever a fetch begins and ends', () => {
    const step = fc.tuple(fc.constantFrom('write', 'commit', 'abort', 'plain'), fc.nat(4));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.nat(60), (steps, a, b) => {
        const { records, aborted, committed, stable } = logOf(steps);
        const [from, to] = [Math.min(a, b, stable), Math.min(Math.max(a, b), stable)];
        const listed = aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && Number(firstOffset) < to);
        const expected = [...committed].filter((at) => at >= from && at < to).sort((x, y) => x - y);
        expect(positions(committedRecords(records.slice(from, to), listed))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
