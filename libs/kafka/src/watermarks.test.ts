import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionWatermark, WatermarkTracker } from './watermarks.ts';

const marker = fc.record({
  writer: fc.constantFrom('g/0', 'g/1', 'g/2'),
  watermarkMs: fc.integer({ min: 0, max: 50 }),
});

describe('PartitionWatermark', () => {
  it.each([
    { name: 'one writer of one', markers: [['a', 5, 1]], value: 5 },
    { name: 'one writer of two is not enough', markers: [['a', 5, 2]], value: null },
    {
      name: 'the smallest of two',
      markers: [
        ['a', 5, 2],
        ['b', 3, 2],
      ],
      value: 3,
    },
    {
      name: 'a writer that goes back is not heeded',
      markers: [
        ['a', 5, 1],
        ['a', 4, 1],
      ],
      value: 5,
    },
    {
      name: 'never goes back when there are suddenly more writers',
      markers: [
        ['a', 5, 1],
        ['a', 4, 2],
        ['b', 3, 2],
      ],
      value: 5,
    },
    {
      name: 'goes on once all of the new writers passed it',
      markers: [
        ['a', 5, 1],
        ['a', 8, 2],
        ['b', 7, 2],
      ],
      value: 7,
    },
  ] as const)('$name', ({ markers, value }) => {
    const watermark = new PartitionWatermark();
    for (const [writer, watermarkMs, writers] of markers) watermark.observe({ writer, watermarkMs, writers });
    expect(watermark.value).toBe(value);
  });

  it('is the smallest of the writers’ largest, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(marker, { maxLength: 40 }), (markers) => {
        const watermark = new PartitionWatermark();
        const largest = new Map<string, number>();
        for (const m of markers) {
          watermark.observe({ ...m, writers: 3 });
          largest.set(m.writer, Math.max(largest.get(m.writer) ?? 0, m.watermarkMs));
        }
        expect(watermark.value).toBe(largest.size < 3 ? null : Math.min(...largest.values()));
      }),
    );
  });

  it('goes on from a snapshot as if nothing had happened', () => {
    fc.assert(
      fc.property(fc.array(marker, { maxLength: 40 }), fc.nat(40), (markers, cut) => {
        const whole = new PartitionWatermark();
        for (const m of markers) whole.observe({ ...m, writers: 3 });
        const before = new PartitionWatermark();
        for (const m of markers.slice(0, cut)) before.observe({ ...m, writers: 3 });
        const after = new PartitionWatermark();
        after.restore(before.snapshot());
        for (const m of markers.slice(cut)) after.observe({ ...m, writers: 3 });
        expect(after.value).toBe(whole.value);
      }),
    );
  });

  it('ignores text that is no snapshot', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const watermark = new PartitionWatermark();
        watermark.restore(text);
        expect(watermark.observe({ writer: 'a', watermarkMs: 1, writers: 1 })).toBe(watermark.value !== null);
      }),
    );
  });
});

describe('WatermarkTracker', () => {
  it('is the smallest over its partitions, unknown while one is, and never goes back', () => {
    const step = fc.record({ key: fc.constantFrom('t/0', 't/1', 'u/0'), watermarkMs: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tracker = new WatermarkTracker(['t/0', 't/1', 'u/0']);
        const largest = new Map<string, number>();
        let before: number | null = null;
        for (const { key, watermarkMs } of steps) {
          const moved = tracker.observe(key, { writer: 'w', watermarkMs, writers: 1 });
          largest.set(key, Math.max(largest.get(key) ?? 0, watermarkMs));
          const expected = largest.size < 3 ? null : Math.min(...largest.values());
          expect(tracker.value).toBe(expected);
          expect(moved).toBe(expected !== before);
          before = expected;
        }
      }),
    );
  });

  it('does not go back when a partition is added, and goes on when the slow one is given away', () => {
    const tracker = new WatermarkTracker(['a', 'b']);
    tracker.observe('a', { writer: 'w', watermarkMs: 9, writers: 1 });
    tracker.observe('b', { writer: 'w', watermarkMs: 4, writers: 1 });
    tracker.retain(new Set(['a', 'b', 'c']));
    expect([tracker.refresh(), tracker.value]).toEqual([false, 4]);
    tracker.retain(new Set(['a']));
    expect([tracker.refresh(), tracker.value]).toEqual([true, 9]);
  });
});
