import { describe, expect, it } from 'vitest';
import { decoded } from './decoded.ts';

describe('decoded', () => {
  it.each([
    ['a record', '{"at":5,"x":1}', { record: { at: 5, x: 1 }, timeMs: 5 }],
    ['a record without a time', '{"x":1}', { record: { x: 1 }, timeMs: null }],
    ['a record with a wrong time', '{"at":"soon"}', { record: { at: 'soon' }, timeMs: null }],
    ['a list', '[1]', { record: null, timeMs: null }],
    ['null', 'null', { record: null, timeMs: null }],
    ['no JSON', '{', { record: null, timeMs: null }],
  ])('reads %s', (_name, text, expected) => {
    expect(decoded(Buffer.from(text), 'at')).toEqual(expected);
  });

  it('reads nothing from nothing', () => {
    expect(decoded(null, 'at')).toEqual({ record: null, timeMs: null });
  });
});
