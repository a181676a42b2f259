import { describe, expect, it } from 'vitest';

import { knownMs, recordedMs } from './views.ts';

describe('when a record became known', () => {
  it.each([
    ['its own timestamp', {}, 70],
    ['the header of a batch source', { 'evl-known': '90' }, 90],
    ['its own timestamp where the header is no number', { 'evl-known': 'soon' }, 70],
    ['its own timestamp where the header is empty', { 'evl-known': '' }, 70],
  ])('is %s', (_, headers, expected) => {
    expect(recordedMs({ headers, timestampMs: 70 })).toBe(expected);
  });

  it.each([
    ['the declared field', 'seen', { seen: 80 }, 80],
    ['the declared field as RFC 3339 text', 'seen', { seen: '1970-01-01T00:00:00.085Z' }, 85],
    ['the record where the field is missing', 'seen', {}, 70],
    ['the record without such a field', null, { seen: 80 }, 70],
    ['never before it happened', 'seen', { seen: 3 }, 50],
  ])('is %s', (_, createdTime, fields, expected) => {
    expect(knownMs(createdTime, fields, 50, { recordedMs: 70 })).toBe(expected);
  });
});
