import type { FieldContract, SourceSpec } from '@everloop/contracts';
import type { JsonRecord, Verdict } from '@everloop/records/check';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UniqueMemory } from './unique-memory.ts';

const fields: Record<string, FieldContract> = {
  id: { type: 'string', required: true },
  price: { type: 'decimal', required: false },
};

type Spec = Pick<SourceSpec, 'fields' | 'unique' | 'allowedLatenessMs'>;

function spec(more: Partial<Spec> = {}): Spec {
  return { fields, unique: [{ fields: ['id'], withinMs: 100 }], allowedLatenessMs: 0, ...more };
}

interface Event {
  readonly timeMs: number;
  readonly record: JsonRecord;
}

/** Judges events one after another; the offsets of those that are repeats. */
function repeats(memory: UniqueMemory, events: readonly Event[], from = 0): number[] {
  return events.flatMap(({ timeMs, record }, i) => {
    const verdict: Verdict = { kind: 'valid', value: null, record, timeMs, unexpected: null };
    const placed = { topic: 't', partition: 0, offset: BigInt(from + i), timestampMs: 1e12 };
    return memory.judge(placed, verdict).kind === 'valid' ? [] : [from + i];
  });
}

const event = (timeMs: number, id: unknown = 'a', price?: unknown): Event => ({ timeMs, record: { id, price } });

/** A memory that took back what the changelog said, compacted. */
class Changelog {
  readonly newest = new Map<string, string>();

  write(memory: UniqueMemory): void {
    for (const [key, value] of memory.takeChanges().changes) {
      if (value === null) this.newest.delete(key);
      else this.newest.set(key, value);
    }
  }

  read(of: Spec, entriesMax = 1_000): UniqueMemory {
    const memory = new UniqueMemory(of, entriesMax);
    memory.restore([...this.newest].map(([key, value]) => ({ key, value })));
    return memory;
  }
}

describe('UniqueMemory', () => {
  it.each<[string, Partial<Spec>, readonly Event[], readonly number[]]>([
    ['equal values within the time', {}, [event(0), event(99)], [1]],
    ['equal values at the time', {}, [event(0), event(100)], []],
    ['other values', {}, [event(0, 'a'), event(1, 'b')], []],
    ['the later one first', { allowedLatenessMs: 1_000 }, [event(50), event(0)], [1]],
    ['a repeat is not what the next is compared with', {}, [event(0), event(60), event(110)], [1]],
    [
      'decimals by value',
      { unique: [{ fields: ['price'], withinMs: 9 }] },
      [event(0, 'a', '1.50'), event(1, 'b', 1.5)],
      [1],
    ],
    ['what is absent equals nothing', { unique: [{ fields: ['id', 'price'], withinMs: 9 }] }, [event(0), event(0)], []],
    [
      'two rules',
      {
        unique: [
          { fields: ['id'], withinMs: 9 },
          { fields: ['price'], withinMs: 9 },
        ],
      },
      [event(0, 'a', 1), event(1, 'b', 1), event(2, 'b', 2)],
      [1],
    ],
    ['text and number are not equal', {}, [event(0, '1'), event(0, 1)], []],
  ])('%s', (_name, more, events, expected) => {
    expect(repeats(new UniqueMemory(spec(more), 1_000), events)).toEqual(expected);
  });

  it('names the first record, beside other reasons', () => {
    const memory = new UniqueMemory(spec(), 10);
    repeats(memory, [event(5)], 41);
    const bad: Verdict = {
      kind: 'quarantine',
      reasons: [{ rule: 'min', path: 'x', message: 'm', value: '' }],
      record: { id: 'a' },
      timeMs: 6,
    };
    const judged = memory.judge({ topic: 't', partition: 3, offset: 42n, timestampMs: 6 }, bad);
    expect(judged.kind === 'quarantine' && judged.reasons).toEqual([
      { rule: 'min', path: 'x', message: 'm', value: '' },
      { rule: 'unique', path: 'id', message: 'the same values came within 100ms, in t/3/41', value: '["a"]' },
    ]);
  });

  it('forgets what the watermark has left behind, with a tombstone, and nothing before', () => {
    const memory = new UniqueMemory(spec({ allowedLatenessMs: 50 }), 10);
    const log = new Changelog();
    repeats(memory, [event(0), event(10, 'b')]);
    memory.passWatermark(149);
    log.write(memory);
    expect([memory.size, log.newest.size]).toEqual([2, 3]);
    memory.passWatermark(150);
    log.write(memory);
    expect([memory.size, log.newest.size]).toEqual([1, 2]);
  });

  it('an event from the far future does not make it forget', () => {
    const memory = new UniqueMemory(spec(), 10);
    expect(repeats(memory, [event(1_000), event(8e15, 'z'), event(1_050)])).toEqual([2]);
  });

  it('beyond its limit forgets the oldest by event time and says how many', () => {
    const memory = new UniqueMemory(spec({ allowedLatenessMs: 1e9 }), 2);
    repeats(memory, [event(30, 'c'), event(10, 'a'), event(20, 'b')]);
    expect(memory.size).toBe(2);
    expect(memory.takeChanges().evicted).toBe(1);
    expect(repeats(memory, [event(30, 'c'), event(20, 'b'), event(10, 'a')])).toEqual([0, 1]);
  });

  it('removes from the changelog what belongs to rules that are no more', () => {
    const log = new Changelog();
    const memory = new UniqueMemory(spec(), 10);
    repeats(memory, [event(0)]);
    log.write(memory);
    const other = log.read(spec({ unique: [{ fields: ['id'], withinMs: 200 }] }));
    log.write(other);
    expect([...log.newest.keys()]).toEqual(['clock']);
  });

  it('decides the same however the records are cut into batches and wherever it is restarted, as a plain search does', () => {
    const of = spec({ allowedLatenessMs: 40 });
    const events = fc.array(
      fc.record({
        timeMs: fc.nat(600),
        id: fc.constantFrom('a', 'b'),
        cut: fc.constantFrom('none', 'batch', 'restart'),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (steps) => {
        const log = new Changelog();
        let memory = new UniqueMemory(of, 1_000);
        const found: number[] = [];
        const accepted: { timeMs: number; id: string }[] = [];
        const expected: number[] = [];
        let newestMs = -Infinity;
        steps.forEach(({ timeMs, id, cut }, i) => {
          found.push(...repeats(memory, [event(timeMs, id)], i));
          newestMs = Math.max(newestMs, timeMs);
          const isLive = (t: number): boolean => t + 100 > newestMs - 40;
          if (isLive(timeMs)) {
            const isRepeat = accepted.some((a) => a.id === id && Math.abs(a.timeMs - timeMs) < 100 && isLive(a.timeMs));
            if (isRepeat) expected.push(i);
            else accepted.push({ timeMs, id });
          }
          if (cut !== 'none') log.write(memory);
          if (cut === 'restart') memory = log.read(of);
        });
        expect(found).toEqual(expected);
      }),
    );
  });
});
