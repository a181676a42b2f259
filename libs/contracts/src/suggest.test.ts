import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance, listNames, nearest } from './suggest.ts';

it.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['field', 'fiedl', 1],
  ['ca', 'abc', 3],
])('from "%s" to "%s" it is %d edits', (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
});

it('distance is symmetric, and zero only for equal words', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }),
  );
});

it.each<[string, readonly string[], string | undefined]>([
  ['fild', ['source', 'field', 'above'], 'field'],
  ['event_time', ['topic', 'eventTime'], 'eventTime'],
  ['windowMs', ['window', 'hop'], 'window'],
  ['readbehind', ['readBehind'], 'readBehind'],
  ['zebra', ['topic', 'key'], undefined],
  ['x', ['y'], undefined],
  ['', ['y'], undefined],
  ['a', [], undefined],
])('"%s" among %j was meant as %s', (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});

it('long lists of names are cut', () => {
  expect(listNames(Array.from({ length: 22 }, (_, i) => `n${i}`))).toMatch(/n19 and 2 more$/);
  expect(listNames([])).toBe('none');
});
