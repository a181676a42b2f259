import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSpec } from './resources/types.ts';
import { inFixedHoldout, planSplit, splitColumn, splitOf, splitUnit, type SplitSpec } from './splits.ts';

const split: SplitSpec = {
  train: { fromMs: 100, untilMs: 200 },
  timeHoldout: { fromMs: 200, untilMs: 300 },
  fixedHoldoutPercent: 10,
  fixedHoldoutSalt: 's',
};
const keys = Array.from({ length: 20_000 }, (_, i) => `key-${i}`);
const held = keys.find((key) => inFixedHoldout(key, 10, 's')) ?? '';
const free = keys.find((key) => !inFixedHoldout(key, 10, 's')) ?? '';

describe('splitOf', () => {
  it.each([
    ['before the window', free, 99, 'unused'],
    ['the first moment of train', free, 100, 'train'],
    ['the last moment of train', free, 199, 'train'],
    ['the first moment of the time holdout', free, 200, 'timeHoldout'],
    ['after the window', free, 300, 'unused'],
    ['a held key in the train range', held, 150, 'fixedHoldout'],
    ['a held key in the time holdout', held, 250, 'fixedHoldout'],
    ['a held key outside', held, 300, 'unused'],
  ])('%s', (_name, joinKey, timeMs, part) => {
    expect(splitOf({ joinKey, timeMs }, split)).toBe(part);
  });
});

describe('inFixedHoldout', () => {
  it('holds the share that was asked for', () => {
    const share = keys.filter((key) => inFixedHoldout(key, 10, 's')).length / keys.length;
    // Four standard errors of a share of .1 over 20,000 keys.
    expect(Math.abs(share - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / keys.length));
  });

  it('grows with the percentage and never drops a key', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(100), fc.nat(100), fc.string(), (key, a, b, salt) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        return !inFixedHoldout(key, low, salt) || inFixedHoldout(key, high, salt);
      }),
    );
  });

  it('holds nothing at 0 and everything at 100', () => {
    expect(keys.some((key) => inFixedHoldout(key, 0, 's'))).toBe(false);
    expect(keys.every((key) => inFixedHoldout(key, 100, 's'))).toBe(true);
  });
});

const training: ModelSpec['training'] = {
  ...{ recipe: 'gbdt', parameters: {}, seed: 1, minRows: 1, windowMs: 100, timeHoldoutMs: 20, timeoutMs: 1 },
  ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's' },
};
const inner = { validationPercent: 25, testPercent: 0, salt: 'split', gapMs: 0, strict: false } as const;

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

describe('training.split', () => {
  it('by time: cuts the train range at a moment, leaves gaps out, and keeps the time holdout', () => {
    const cut = planSplit({ ...training, fixedHoldoutPercent: 0, split: { ...inner, by: 'time', gapMs: 5 } }, 0, 1000);
    const part = (timeMs: number): string => splitOf({ joinKey: 'k', timeMs }, cut);
    expect([900, 954, 955, 959, 960, 974, 975, 979, 980, 999, 1000].map(part)).toEqual([
      ...['train', 'train', 'unused', 'unused', 'validation', 'validation', 'unused', 'unused'],
      ...['timeHoldout', 'timeHoldout', 'unused'],
    ]);
  });

  const shares = { ...inner, validationPercent: 20, testPercent: 10 } as const;
  const grouped = planSplit({ ...training, split: { ...shares, by: 'group', column: 'g' } }, 0, 1000);

  it('by group: all rows of a group are on one side, in about the stated shares', () => {
    const groups = Array.from({ length: 10_000 }, (_, index) => `g${index}`);
    const counts: Record<string, number> = {};
    for (const group of groups) {
      const parts = new Set([910, 930, 979].map((timeMs) => splitOf({ joinKey: `${timeMs}`, timeMs, group }, grouped)));
      expect(parts.size).toBe(1);
      for (const part of parts) counts[part] = (counts[part] ?? 0) + 1;
    }
    // The holdout takes 10 % first; the rest is shared 10 : 20 : 70.
    expect(Object.keys(counts).sort()).toEqual(['fixedHoldout', 'test', 'train', 'validation']);
    expect(Math.abs((counts['validation'] ?? 0) - 1_800)).toBeLessThan(160);
    expect(Math.abs((counts['test'] ?? 0) - 900)).toBeLessThan(120);
  });

  it('a row without a group is a group of its own', () => {
    expect(splitUnit({ joinKey: 'k', timeMs: 1, group: null }, grouped)).toBe('k');
    expect(splitUnit({ joinKey: 'k', timeMs: 1, group: 'g' }, grouped)).toBe('g');
  });

  it('by entity without a column: the join key is hashed', () => {
    const entity = planSplit({ ...training, split: { ...shares, by: 'entity' } }, 0, 1000);
    expect(splitColumn({ ...training, split: { ...shares, by: 'entity' } })).toBeNull();
    expect(splitUnit({ joinKey: 'k', timeMs: 1, group: 'g' }, entity)).toBe('k');
  });

  it('strict: the time holdout has no unit that trains or validates', () => {
    const strict = planSplit({ ...training, split: { ...shares, by: 'group', column: 'g', strict: true } }, 0, 1000);
    fc.assert(
      fc.property(fc.string(), (group) => {
        const before = splitOf({ joinKey: 'k', timeMs: 950, group }, strict);
        const recent = splitOf({ joinKey: 'k', timeMs: 990, group }, strict);
        return (
          recent ===
          (before === 'train' || before === 'validation' ? 'unused' : before === 'test' ? 'timeHoldout' : before)
        );
      }),
    );
  });

  it('never moves a unit out of the fixed holdout when the shares change', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 50 }), (group, validationPercent) => {
        const other = planSplit(
          { ...training, split: { ...shares, by: 'group', column: 'g', validationPercent } },
          0,
          1000,
        );
        const held = (split: SplitSpec): boolean =>
          splitOf({ joinKey: 'k', timeMs: 950, group }, split) === 'fixedHoldout';
        return held(other) === held(grouped);
      }),
    );
  });
});
