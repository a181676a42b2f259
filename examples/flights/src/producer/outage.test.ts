import { describe, expect, it } from 'vitest';
import type { FlightEvent } from './events.ts';
import { readOutage, withOutages } from './outage.ts';

const outage = readOutage('weather.observed:2013-01-12:2013-01-13');
const observed = (at: string, topic: FlightEvent['topic'] = 'weather.observed') => ({
  position: 7,
  event: {
    topic,
    key: 'JFK',
    eventTimeMs: Date.parse(at),
    data: { origin: 'JFK', temp: 30, pressure: null, observed_at: 1 },
  },
});

describe('an outage', () => {
  it('makes optional columns null on its days, both included, in its topic alone', () => {
    expect(outage).toEqual({
      topic: 'weather.observed',
      fromMs: Date.UTC(2013, 0, 12),
      untilMs: Date.UTC(2013, 0, 14),
    });
    const outages = outage === null ? [] : [outage];
    const temps = ['2013-01-11T23:59:59Z', '2013-01-12T00:00:00Z', '2013-01-13T23:59:59Z', '2013-01-14T00:00:00Z'].map(
      (at) => withOutages(observed(at), outages).event.data['temp'],
    );
    expect(temps).toEqual([30, null, null, 30]);
    expect(withOutages(observed('2013-01-12T01:00:00Z'), outages)).toMatchObject({
      position: 7,
      event: { data: { origin: 'JFK', observed_at: 1 } },
    });
    expect(withOutages(observed('2013-01-12T01:00:00Z', 'flights.departed'), outages).event.data['temp']).toBe(30);
  });

  it.each([
    '',
    'weather.observed',
    'nowhere:2013-01-12:2013-01-13',
    'weather.observed:2013-01-13:2013-01-11',
    'weather.observed:x:y',
    'weather.observed:2013-01-12:2013-01-13:4',
  ])('is not read from "%s"', (text) => {
    expect(readOutage(text)).toBeNull();
  });
});
