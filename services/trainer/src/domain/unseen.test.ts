import { inFixedHoldout, planSplit, splitOf, type ModelSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { isUnseenBy } from './unseen.ts';

const training: ModelSpec['training'] = {
  ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: 100, timeHoldoutMs: 20, timeoutMs: 1 },
  ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
};

const rest = { salt: 'split', gapMs: 0, strict: false } as const;
const unseenParts: ReadonlySet<string> = new Set(['test', 'fixedHoldout']);

describe('isUnseenBy', () => {
  const split = planSplit(training, 0, 1000);
  const held = [
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
    'j',
    'k',
    'l',
    'm',
    'n',
    'o',
    'p',
    'q',
    'r',
    's',
    't',
    'u',
    'v',
  ].find((key) => inFixedHoldout(key, 10, 's'));
  it.each([
    ['a row it was trained on', 'x1', 950, false],
    ['a row of its time holdout', 'x1', 990, true],
    ['a row after its training', 'x1', 2000, true],
    ['a row before its window', 'x1', 10, true],
    ['a row of the fixed holdout in its window', held ?? '', 950, true],
  ])('%s', (_name, joinKey, timeMs, expected) => {
    expect(splitOf({ joinKey: 'x1', timeMs: 950 }, split)).toBe('train');
    expect(isUnseenBy({ split, eventTimeMs: 1000 }, { joinKey, timeMs })).toBe(expected);
  });

  it('takes a champion that does not tell its split to have seen everything before its time', () => {
    expect(isUnseenBy({ split: null, eventTimeMs: 1000 }, { joinKey: 'x', timeMs: 999 })).toBe(false);
    expect(isUnseenBy({ split: null, eventTimeMs: 1000 }, { joinKey: 'x', timeMs: 1000 })).toBe(true);
  });

  it('never trains the next version on what the champion holds out', () => {
    const next = planSplit(training, 0, 1050);
    for (let time = 900; time < 1050; time += 1)
      for (const joinKey of ['x1', 'x2', held ?? ''])
        if (splitOf({ joinKey, timeMs: time }, next) === 'timeHoldout')
          expect(isUnseenBy({ split, eventTimeMs: 1000 }, { joinKey, timeMs: time })).toBe(true);
  });

  it('knows groups only of the column that the row tells', () => {
    const grouped = planSplit(
      { ...training, split: { by: 'group', column: 'g', ...{ validationPercent: 40, testPercent: 20 }, ...rest } },
      0,
      1000,
    );
    const groups = Array.from({ length: 200 }, (_, index) => `g${index}`);
    const seen = (group: string, column: string | null): boolean =>
      !isUnseenBy({ split: grouped, eventTimeMs: 1000 }, { joinKey: 'x1', timeMs: 950, group }, column);
    expect(groups.filter((group) => seen(group, 'g')).length).toBeLessThan(180);
    expect(groups.every((group) => seen(group, 'g') === !unseenParts.has(partOf(group)))).toBe(true);
    expect(groups.every((group) => seen(group, 'other'))).toBe(true);
    function partOf(group: string): string {
      return splitOf({ joinKey: 'x1', timeMs: 950, group }, grouped);
    }
  });
});
