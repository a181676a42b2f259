import { describe, expect, it } from 'vitest';
import { brokenAfter, brokenEvery } from './broken.ts';
import { sourceTopics, type FlightEvent, type SourceTopic } from './events.ts';

const event = (topic: SourceTopic): FlightEvent => ({
  topic,
  key: 'k',
  eventTimeMs: 0,
  data: { flight_id: '2013-01-01.UA.1545.EWR', distance: 1400, weekday: 2, arr_delay: 3, published_at: 0 },
});

describe('brokenAfter', () => {
  it.each(sourceTopics)('breaks one in %s after each ten thousand, always the same', (topic) => {
    const broken = Array.from({ length: 60_000 }, (_, position) => brokenAfter(event(topic), position));
    const found = broken.flatMap((record, position) => (record === null ? [] : [{ position, ...record }]));
    expect(found).toHaveLength(60_000 / brokenEvery);
    expect(found[0]?.position).toBe(1_234);
    expect(brokenAfter(event(topic), 1_234)).toEqual(broken[1_234]);
  });

  it('each fault of the schedule is a different one', () => {
    const faults = Array.from({ length: 6 }, (_, turn) =>
      brokenAfter(event('flights.scheduled'), 1_234 + turn * brokenEvery),
    );
    expect(new Set(faults.map((record) => record?.fault)).size).toBe(6);
    expect(faults.map((record) => record?.value)).toEqual([
      expect.stringContaining('"distance":-5'),
      expect.not.stringContaining('}'),
      expect.stringContaining('gate_agent'),
      expect.stringContaining('"weekday":7'),
      expect.not.stringContaining('flight_id'),
      expect.stringContaining('two hours'),
    ]);
  });
});
