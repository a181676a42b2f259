import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LateEvents } from './late-events.ts';

const topic = 'trips.valid';
const rowsOf = (times: readonly number[], from = 0) => times.map((timeMs, i) => ({ offset: from + i, timeMs }));

describe('late events', () => {
  it.each([
    { name: 'in order', times: [1, 2, 3], allowed: 0, late: [] },
    { name: 'equal times', times: [5, 5, 5], allowed: 0, late: [] },
    { name: 'as late as allowed', times: [10, 5], allowed: 5, late: [] },
    { name: 'one millisecond later', times: [10, 4], allowed: 5, late: [6] },
    { name: 'behind the newest, not behind the one before', times: [100, 60, 70, 20], allowed: 30, late: [40, 80] },
  ])('$name', ({ times, allowed, late }) => {
    expect(new LateEvents().count(topic, 0, rowsOf(times), allowed)).toEqual(late);
  });

  it('partitions do not make each other late', () => {
    const events = new LateEvents();
    expect(events.count(topic, 0, rowsOf([1_000]), 0)).toEqual([]);
    expect(events.count(topic, 1, rowsOf([1]), 0)).toEqual([]);
  });

  it('records that were applied before, or are read again, count once', () => {
    const events = new LateEvents();
    events.begin(topic, 0, 3);
    expect(events.count(topic, 0, rowsOf([100, 1, 2, 3, 200]), 10)).toEqual([97]);
    events.begin(topic, 0, 1);
    expect(events.count(topic, 0, rowsOf([100, 1, 2, 3, 200, 4]), 10)).toEqual([196]);
    events.end(topic, 0);
    events.begin(topic, 0, 6);
    expect(events.count(topic, 0, rowsOf([5], 6), 10)).toEqual([]);
  });

  it('any split into batches counts the same', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.nat(20), fc.nat(9), (times, allowed, size) => {
        const rows = rowsOf(times);
        const whole = new LateEvents().count(topic, 0, rows, allowed);
        const events = new LateEvents();
        const split: number[] = [];
        for (let from = 0; from < rows.length; from += size + 1)
          split.push(...events.count(topic, 0, rows.slice(from, from + size + 1), allowed));
        expect(split).toEqual(whole);
      }),
    );
  });
});
