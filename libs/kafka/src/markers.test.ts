import { describe, expect, it } from 'vitest';
import { isMarker, markerRecord, readMarker } from './markers.ts';

describe('markers', () => {
  it('are read as they were written', () => {
    const marker = { watermarkMs: 1_357_000_000_000, writer: 'everloop.validator.main/1', writers: 2 };
    const record = markerRecord('t', 1, marker);
    const headers = record.headers ?? {};
    expect([isMarker({ headers }), readMarker({ headers })]).toEqual([true, marker]);
    expect([record.key, record.value]).toEqual(['__watermark/everloop.validator.main/1', '']);
  });

  it.each([
    ['no number', { 'evl-watermark': 'soon' }, null],
    ['empty', { 'evl-watermark': '' }, null],
    ['a fraction', { 'evl-watermark': '1.5' }, null],
    ['no writers', { 'evl-watermark': '1', 'evl-writers': '0' }, null],
    ['writer and writers left out', { 'evl-watermark': '1' }, { watermarkMs: 1, writer: '', writers: 1 }],
  ] as const)('%s', (_name, headers, expected) => {
    expect(isMarker({ headers })).toBe(true);
    expect(readMarker({ headers })).toEqual(expected);
  });
});
