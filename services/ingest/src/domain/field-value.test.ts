import type { FieldType } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { fieldValue, timeMs, type Cell } from './field-value.ts';

describe('fieldValue', () => {
  it.each<[FieldType, Cell, unknown]>([
    ['string', 'a', 'a'],
    ['string', 12n, '12'],
    ['string', true, 'true'],
    ['string', null, null],
    ['decimal', '12.30', '12.30'],
    ['number', ' 1.5e3 ', 1500],
    ['number', '.5', 0.5],
    ['number', 'NaN', 'NaN'],
    ['number', Number.NaN, 'NaN'],
    ['number', '1,5', '1,5'],
    ['integer', '9007199254740993', '9007199254740993'],
    ['integer', 9007199254740993n, '9007199254740993'],
    ['integer', 42n, 42],
    ['integer', '0x10', '0x10'],
    ['integer', '', ''],
    ['boolean', 't', true],
    ['boolean', 'FALSE', false],
    ['boolean', 'yes', 'yes'],
    ['boolean', true, true],
    ['timestamp', '2013-01-01', '2013-01-01T00:00:00Z'],
    ['timestamp', '2013-01-01 05:00', '2013-01-01T05:00:00Z'],
    ['timestamp', '2013-01-01 05:00:00.123456', '2013-01-01T05:00:00.123456Z'],
    ['timestamp', '2013-01-01 05:00:00+00', '2013-01-01T05:00:00+00:00'],
    ['timestamp', '2013-01-01 05:00:00-0330', '2013-01-01T05:00:00-03:30'],
    ['timestamp', '2013-01-01T05:00:00Z', '2013-01-01T05:00:00Z'],
    ['timestamp', '1357034400000', 1357034400000],
    ['timestamp', 1357034400000n, 1357034400000],
    ['timestamp', 'yesterday', 'yesterday'],
    ['object', '{"a":1}', { a: 1 }],
    ['array', '[1', '[1'],
  ])('%s: %s is %o', (type, cell, expected) => expect(fieldValue(type, cell)).toEqual(expected));
});

describe('timeMs', () => {
  it.each<[unknown, number | null]>([
    ['2013-01-01 05:00:00-05', 1357034400000],
    [1357034400000n, 1357034400000],
    [1.5, null],
    ['soon', null],
    ['2013-13-01', null],
    [null, null],
  ])('of %s is %s', (cell, expected) => expect(timeMs(cell)).toBe(expected));
});
