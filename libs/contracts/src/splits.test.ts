import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inFixedHoldout, splitOf, type SplitSpec } from './splits.ts';

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
