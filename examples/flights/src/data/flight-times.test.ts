import { describe, expect, it } from 'vitest';
import { flightTimes, typicalDuration, type RawFlight } from './flight-times.ts';

/** The first row of the data: UA 1545, EWR to IAH. */
const first: RawFlight = {
  schedDepMs: Date.UTC(2013, 0, 1, 10, 15),
  schedArrTime: 819,
  depDelay: 2,
  arrTime: 830,
  arrDelay: 11,
  airTime: 227,
  distance: 1400,
  zone: 'America/Chicago',
};

describe('flightTimes', () => {
  it('reads the clocks of two zones', () => {
    expect(flightTimes(first)).toEqual({ schedDuration: 244, estimated: false, elapsed: 253 });
  });
  it('a cancelled flight has a schedule only', () => {
    const cancelled = { ...first, depDelay: null, arrTime: null, arrDelay: null, airTime: null };
    expect(flightTimes(cancelled)).toEqual({ schedDuration: 244, estimated: false, elapsed: null });
  });
  it('a diverted flight that landed late has no elapsed time', () => {
    expect(flightTimes({ ...first, arrDelay: null, airTime: null }).elapsed).toBeNull();
  });
  it('an impossible schedule falls back to the distance', () => {
    expect(flightTimes({ ...first, schedArrTime: 420 })).toEqual({
      schedDuration: typicalDuration(1400),
      estimated: true,
      elapsed: 253,
    });
  });
  it('lands after midnight', () => {
    const late = { ...first, zone: 'America/New_York', schedDepMs: Date.UTC(2013, 0, 2, 4, 30), schedArrTime: 45 };
    expect(flightTimes({ ...late, distance: 187, airTime: 40, arrTime: 2400, depDelay: -10 })).toEqual({
      schedDuration: 75,
      estimated: false,
      elapsed: 40,
    });
  });
});
