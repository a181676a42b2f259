import { inFixedHoldout, splitOf, type ModelSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { isUnseenBy, planSplit } from './split-plan.ts';

const training: ModelSpec['training'] = {
  ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: 100, timeHoldoutMs: 20, timeoutMs: 1 },
  ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
};

describe('planSplit', () => {
  it.each([
    ['labels that come at once', 0, { fromMs: 980, untilMs: 1000 }],
    ['labels that take a while', 4, { fromMs: 980, untilMs: 996 }],
    ['labels that take longer than the holdout: half of it stays', 50, { fromMs: 980, untilMs: 990 }],
  ])('%s', (_name, waitMs, timeHoldout) => {
    expect(planSplit(training, waitMs, 1000)).toEqual({
      ...{ train: { fromMs: 900, untilMs: 980 }, timeHoldout, fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
    });
  });
});

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
});
