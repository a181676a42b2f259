import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalRecord } from './frames.ts';
import { JournalTail } from './tail.ts';

const record = (key: string): JournalRecord => ({ stream: 'served', timestampMs: 1, key, value: Buffer.alloc(1) });
const keys = (read: ReturnType<JournalTail['take']>) => read?.records.map(({ key }) => key);

describe('JournalTail', () => {
  it('gives what was written behind a position, once', () => {
    const tail = new JournalTail();
    tail.push({ segment: 1, byte: 0 }, 10, [record('a'), record('b')]);
    tail.push({ segment: 1, byte: 10 }, 5, [record('c')]);
    const read = tail.take({ segment: 1, byte: 0 });
    expect(keys(read)).toEqual(['a', 'b', 'c']);
    expect(read?.next).toEqual({ segment: 1, byte: 15 });
    expect(tail.take({ segment: 1, byte: 0 })).toBeNull();
  });

  it('ends at a segment, and goes on with the next', () => {
    const tail = new JournalTail();
    tail.push({ segment: 1, byte: 90 }, 10, [record('a')]);
    tail.push({ segment: 2, byte: 0 }, 10, [record('b')]);
    expect(tail.take({ segment: 1, byte: 90 })?.next).toEqual({ segment: 1, byte: 100 });
    // The end of a file is found by reading it.
    expect(tail.take({ segment: 1, byte: 100 })).toBeNull();
    expect(keys(tail.take({ segment: 2, byte: 0 }))).toEqual(['b']);
  });

  it('knows nothing of a position inside a write or before the oldest it has', () => {
    const tail = new JournalTail();
    tail.push({ segment: 1, byte: 40 }, 10, [record('a')]);
    expect(tail.take({ segment: 1, byte: 30 })).toBeNull();
    expect(tail.take({ segment: 1, byte: 45 })).toBeNull();
    expect(keys(tail.take({ segment: 1, byte: 40 }))).toEqual(['a']);
  });

  it('forgets what a reader that passed by did not want', () => {
    const tail = new JournalTail();
    tail.push({ segment: 1, byte: 0 }, 10, [record('a')]);
    tail.push({ segment: 1, byte: 10 }, 10, [record('b')]);
    expect(keys(tail.take({ segment: 1, byte: 10 }))).toEqual(['b']);
    expect(tail.take({ segment: 1, byte: 0 })).toBeNull();
  });

  it('keeps only so much, and then what came last, without a gap', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1024 * 1024 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        const tail = new JournalTail();
        let byte = 0;
        const starts = sizes.map((size, index) => {
          const at = { segment: 1, byte };
          tail.push(at, size, [record(String(index))]);
          byte += size;
          return at;
        });
        const first = starts.findIndex((at) => {
          let read = tail.take(at);
          if (read === null) return false;
          let end = at.byte;
          for (; read !== null; read = tail.take(read.next)) {
            expect(read.next.byte - end).toBeLessThan(2 * 1024 * 1024);
            end = read.next.byte;
          }
          expect(end).toBe(byte);
          expect(byte - at.byte).toBeLessThanOrEqual(4 * 1024 * 1024);
          return true;
        });
        expect(first).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
