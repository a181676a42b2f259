import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smallTables } from '../data/testing.ts';
import { aircraftKnownMs } from './events.ts';
import { createTimeline, orderBy, positionOf, type Timeline } from './timeline.ts';

const day = Date.UTC(2013, 0, 1);
const at = (hour: number, minute = 0): number => day + (hour * 60 + minute) * 60_000;
const tables = smallTables(
  [
    { schedDepMs: at(10, 15), flight: 1545, depDelay: 120, elapsed: 253, arrDelay: 129 },
    { schedDepMs: at(11, 0), flight: 7, depDelay: Number.NaN, elapsed: Number.NaN, arrDelay: Number.NaN },
    { schedDepMs: at(11, 0), flight: 8, depDelay: 10, elapsed: Number.NaN, arrDelay: Number.NaN },
  ],
  [at(9)],
);
const list = (timeline: Timeline, from: number, until: number): string[] =>
  [...timeline.between(from, until)].map(({ event }) => `${event.topic} ${event.key}`);

describe('createTimeline', () => {
  const timeline = createTimeline(tables);

  it('gives what is before the window end and not before its start', () => {
    expect(list(timeline, at(8), at(9))).toEqual(['flights.scheduled 2013-01-01.UA.1545.EWR']);
    expect(list(timeline, at(9), at(9, 1))).toEqual([
      'flights.scheduled 2013-01-01.UA.7.EWR',
      'flights.scheduled 2013-01-01.UA.8.EWR',
      'weather.observed EWR',
    ]);
  });

  it('orders departures by what really happened', () => {
    expect(list(timeline, at(11), at(13))).toEqual([
      'flights.departed 2013-01-01.UA.7.EWR',
      'flights.departed 2013-01-01.UA.8.EWR',
      'flights.departed 2013-01-01.UA.1545.EWR',
    ]);
  });

  it('a cancelled flight departs and arrives on schedule without delays', () => {
    const events = [...timeline.between(0, at(48))].filter(({ event }) => event.key === '2013-01-01.UA.7.EWR');
    expect(events.map(({ event }) => [event.eventTimeMs, event.data['dep_delay'], event.data['arr_delay']])).toEqual([
      [at(9), undefined, undefined],
      [at(11), null, undefined],
      [at(11) + 244 * 60_000, undefined, null],
    ]);
  });

  it('a diverted flight arrives without a delay after the scheduled duration', () => {
    const arrival = [...timeline.between(0, at(48))].find(
      ({ event }) => event.topic === 'flights.arrived' && event.key === '2013-01-01.UA.8.EWR',
    );
    expect(arrival?.event).toMatchObject({ eventTimeMs: at(11, 10) + 244 * 60_000, data: { arr_delay: null } });
  });

  it('knows where it starts and ends', () => {
    expect(timeline.firstMs).toBe(aircraftKnownMs);
    expect(timeline.lastMs).toBe(at(12, 15) + 253 * 60_000);
  });

  it('cut into steps it gives every event exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (stepMinutes) => {
        const seen: string[] = [];
        for (let from = aircraftKnownMs; from <= timeline.lastMs; from += stepMinutes * 60_000) {
          seen.push(...list(timeline, from, from + stepMinutes * 60_000));
        }
        expect(seen.sort()).toEqual(list(timeline, 0, at(48)).sort());
      }),
      { numRuns: 20 },
    );
  });
});

describe('positionOf', () => {
  it('is the first that is not before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), fc.integer({ min: 0, max: 21 }), (times, wanted) => {
        const ordering = orderBy(times.length, (row) => times[row] ?? 0);
        expect(positionOf(ordering, wanted)).toBe(times.filter((time) => time < wanted).length);
      }),
    );
  });
});
