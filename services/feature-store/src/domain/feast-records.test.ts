import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { driverResources } from '../../test/drivers.ts';
import { instant, recordsOf, rowsOf } from './feast-records.ts';

const source = driverResources('t').flatMap((resource) => (resource.kind === 'Source' ? [resource.spec] : []))[0];
if (source === undefined) throw new TypeError('no source');

describe('instant', () => {
  it.each([
    ['2022-05-13 10:59:42', '2022-05-13T10:59:42Z'],
    ['2022-05-13T10:59:42.123456', '2022-05-13T10:59:42.123456Z'],
    ['2022-05-13T10:59:42+0200', '2022-05-13T10:59:42+02:00'],
    ['2022-05-13T10:59:42-05:30', '2022-05-13T10:59:42-05:30'],
    ['2022-05-13T10:59Z', '2022-05-13T10:59:00Z'],
    ['2022-05-13', '2022-05-13T00:00:00Z'],
    [1_652_439_582, 1_652_439_582_000],
    [1.5, 1_500],
    ['yesterday', 'yesterday'],
    [null, null],
  ])('%j is %j', (given, wanted) => {
    expect(instant(given)).toBe(wanted);
  });

  it('keeps the moment of every text of ISO 8601', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), (date) => {
        expect(Date.parse(String(instant(date.toISOString())))).toBe(date.getTime());
        expect(Date.parse(String(instant(date.toISOString().slice(0, -1).replace('T', ' '))))).toBe(date.getTime());
      }),
    );
  });
});

describe('records of a data frame', () => {
  it('name the times as the Source does, and leave out what is missing', () => {
    const fields = { ...source.fields, at: { type: 'timestamp', required: true } as const };
    Reflect.deleteProperty(fields, 'event_timestamp');
    const renamed = { ...source, eventTime: 'at', fields };
    const frame = new Map<string, unknown[]>([
      ['driver_id', [1001, 1002]],
      ['event_timestamp', ['2022-05-13 10:59:42', 1_652_439_582]],
      ['created_timestamp', ['2022-05-13 11:00:00', null]],
      ['conv_rate', [0.5, 'NaN']],
      ['extra', [1, null]],
    ]);
    expect(recordsOf(frame, renamed).map((text) => JSON.parse(text) as unknown)).toEqual([
      { driver_id: 1001, at: '2022-05-13T10:59:42Z', created: '2022-05-13T11:00:00Z', conv_rate: 0.5, extra: 1 },
      { driver_id: 1002, at: 1_652_439_582_000 },
    ]);
  });

  it('have no created time where the Source has none', () => {
    const plain = { ...source };
    Reflect.deleteProperty(plain, 'createdTime');
    const fields = { ...plain.fields };
    Reflect.deleteProperty(fields, 'created');
    const frame = new Map<string, unknown[]>([
      ['created', ['2022-05-13 10:59:42']],
      ['driver_id', [7]],
    ]);
    expect(recordsOf(frame, { ...plain, fields })).toEqual(['{"driver_id":7}']);
  });

  it('are counted, unless the columns differ in length', () => {
    expect(rowsOf(new Map())).toBe(0);
    expect(
      rowsOf(
        new Map([
          ['a', [1, 2]],
          ['b', [3, 4]],
        ]),
      ),
    ).toBe(2);
    expect(
      rowsOf(
        new Map([
          ['a', [1, 2]],
          ['b', [3]],
        ]),
      ),
    ).toBeNull();
  });
});
