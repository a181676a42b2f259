import { describe, expect, it } from 'vitest';
import { caseOf, type Case } from './cases.ts';

const cases = Array.from({ length: 3_000 }, (_, index) => caseOf(3, index));
const bodyOf = (each: Case): string => each.body.subarray(0, 2_000).toString('hex');

describe('cases', () => {
  it('are the same for the same seed, each by itself', () => {
    for (const index of [0, 17, 2_999]) {
      const again = caseOf(3, index);
      const first = cases[index];
      expect([again.kind, again.about, bodyOf(again)]).toEqual([first?.kind, first?.about, first && bodyOf(first)]);
    }
    expect(cases.slice(0, 200).some((each, index) => bodyOf(each) !== bodyOf(caseOf(4, index)))).toBe(true);
  });

  it.each([
    ...([
      'message',
      'typed message',
      'typed json',
      'decision message',
      'decision json',
      'other method',
      'compressed, of no coding',
      'garbage as gzip',
      'good gzip',
      'gzip bomb',
      'deflate',
    ] as const),
    ...([
      'longer length',
      'shorter length',
      'two messages',
      'no message',
      'flag',
      'content type',
      'path',
      'timeout',
    ] as const),
    ...['metadata', 'too large', 'reset', 'gzip', 'binary', 'json', 'connection'],
  ])('hold some of: %s', (about) => {
    expect(cases.some((each) => each.about === about)).toBe(true);
  });

  it('hold JSON that can be read, with names that objects have of themselves', () => {
    const json = cases.filter(({ about }) => about === 'json').map(({ body }) => body.toString());
    const readable = json.filter((text) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    });
    expect(readable.length).toBeGreaterThan(json.length / 2);
    expect(readable.length).toBeLessThan(json.length);
    expect(readable.some((text) => text.includes('"__proto__":'))).toBe(true);
  });
});
