import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvent, eventAttributes, eventId } from './events.ts';

const attributes = {
  id: 'i',
  type: 't.v1',
  source: 'everloop/trainer',
  subject: 'm',
  eventTimeMs: Date.UTC(2013, 0, 2),
  correlationId: 'flow',
  causationId: 'cause',
};
const event = { ...attributes, data: { a: 1 } };

describe('encodeEvent', () => {
  it('is CloudEvents 1.0 in binary mode', () => {
    expect(encodeEvent(event)).toEqual({
      value: '{"a":1}',
      headers: {
        ce_specversion: '1.0',
        ce_id: 'i',
        ce_type: 't.v1',
        ce_source: 'everloop/trainer',
        ce_subject: 'm',
        ce_time: '2013-01-02T00:00:00.000Z',
        ce_correlationid: 'flow',
        ce_causationid: 'cause',
        'content-type': 'application/json',
      },
    });
  });

  it('attributes come back', () => {
    const { id, type, source, subject, data } = event;
    const timeless = { id, type, source, subject, data };
    expect(eventAttributes(encodeEvent(event).headers)).toEqual(attributes);
    expect(eventAttributes(encodeEvent(timeless).headers)).toMatchObject({
      ...{ eventTimeMs: null, correlationId: '', causationId: '' },
    });
  });

  it.each([
    ['a missing id', { ce_id: undefined }, /ce_id is missing/],
    ['a time that is none', { ce_time: 'yesterday' }, /ce_time of event i is "yesterday"/],
  ])('%s is refused', (_name, wrong, message) => {
    const headers = Object.fromEntries(
      Object.entries({ ...encodeEvent(event).headers, ...wrong }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    const read = (): unknown => eventAttributes(headers);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: 'EVL_EVENT_INVALID', kind: 'terminal' }));
  });
});

describe('eventId', () => {
  it('is the same for the same cause', () => {
    expect(eventId('decision', 'arrival-delay', '17')).toBe(eventId('decision', 'arrival-delay', '17'));
    expect(eventId('decision')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('tells any two causes apart', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        expect(eventId(...a) === eventId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(eventId('ab', 'c')).not.toBe(eventId('a', 'bc'));
  });
});
