import { describe, expect, it } from 'vitest';
import { sourceRecords } from './records.ts';

const event = {
  topic: 'flights.departed' as const,
  key: '2013-01-01.UA.1545.EWR',
  eventTimeMs: Date.UTC(2013, 0, 1, 10, 17),
  data: { flight_id: '2013-01-01.UA.1545.EWR', dep_delay: 2 },
};

describe('sourceRecords', () => {
  it('is one CloudEvent with the event time', () => {
    const [first, ...rest] = sourceRecords({ event, position: 0 });
    expect(rest).toEqual([]);
    expect(first?.record.headers).toMatchObject({
      ce_type: 'flights.departed',
      ce_subject: event.key,
      ce_time: '2013-01-01T10:17:00.000Z',
    });
    expect(JSON.parse(String(first?.record.value))).toEqual(event.data);
  });

  it('sent again it has the same id', () => {
    const ids = [0, 1].map((position) => sourceRecords({ event, position })[0]?.record.headers?.['ce_id']);
    expect(ids[0]).toBe(ids[1]);
  });

  it('a broken one comes besides the good one, with an id of its own', () => {
    const both = sourceRecords({ event, position: 1_234 });
    expect(both.map(({ broken }) => broken)).toEqual([false, true]);
    expect(new Set(both.map(({ record }) => record.headers?.['ce_id'])).size).toBe(2);
    expect(both.every(({ record }) => record.key === event.key)).toBe(true);
  });
});
