import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AppliedTimeline, type AppliedSpan } from './applied-timeline.ts';

function look(atMs: number, floor: readonly number[], ceiling = floor): AppliedSpan {
  return { untilMs: atMs, fromMs: atMs + 1, floor: new Map([['t', floor]]), ceiling: new Map([['t', ceiling]]) };
}

describe('AppliedTimeline', () => {
  it('knows nothing at first', () => {
    const timeline = new AppliedTimeline(3);
    expect([timeline.before(5), timeline.after(5), timeline.untilMs]).toEqual([null, null, -Infinity]);
  });

  it('makes one span of looks that found the same', () => {
    const timeline = new AppliedTimeline(3);
    for (const atMs of [10, 20, 30]) timeline.add(look(atMs, [4, 4]));
    expect(timeline.before(15)).toMatchObject({ fromMs: 11, untilMs: 30 });
    expect(timeline.after(15)).toBe(timeline.before(15));
    expect(timeline.untilMs).toBe(30);
  });

  it.each([
    ['another offset of the floor', look(20, [4, 5])],
    ['another offset of the ceiling', look(20, [4, 4], [4, 6])],
    ['another number of partitions', look(20, [4])],
    ['another topic', { ...look(20, [4, 4]), floor: new Map([['u', [4, 4]]]) }],
    ['one topic more', { ...look(20, [4, 4]), floor: new Map([...look(20, [4, 4]).floor, ['u', [1]]]) }],
  ])('begins a new span at %s', (_name, other) => {
    const timeline = new AppliedTimeline(3);
    timeline.add(look(10, [4, 4]));
    timeline.add(other);
    expect(timeline.before(21)).toBe(other);
    expect(timeline.before(20)).toMatchObject({ fromMs: 11 });
  });

  it('forgets the oldest', () => {
    const timeline = new AppliedTimeline(2);
    for (const atMs of [10, 20, 30]) timeline.add(look(atMs, [atMs]));
    expect(timeline.before(19)).toBeNull();
    expect(timeline.after(0)).toMatchObject({ untilMs: 20 });
  });

  it('never says more before a moment, or less after it, than was applied then', () => {
    // Applied: a number that grows with time; looks come at any moments.
    const steps = fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 9 }), looks: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.nat(300), fc.integer({ min: 1, max: 20 }), (taken, atMs, max) => {
        const applied = (ms: number): number => Math.floor(ms / 7);
        const timeline = new AppliedTimeline(max);
        let nowMs = 0;
        for (const { afterMs, looks } of taken) {
          nowMs += afterMs;
          if (looks) timeline.add(look(nowMs, [applied(nowMs)]));
          nowMs += 1;
        }
        const [floor] = timeline.before(atMs)?.floor.get('t') ?? [];
        const [ceiling] = timeline.after(atMs)?.ceiling.get('t') ?? [];
        expect(floor ?? 0).toBeLessThanOrEqual(applied(atMs));
        if (ceiling !== undefined) expect(ceiling).toBeGreaterThanOrEqual(applied(atMs));
      }),
    );
  });
});
