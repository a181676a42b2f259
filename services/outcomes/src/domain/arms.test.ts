import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelledAs, predictionOf, settledOf } from '../../test/fixtures.ts';
import { addRewards, rewardNano, type Arms } from './arms.ts';
import type { Settled } from './types.ts';

const prediction = (modelVersion: string, score: number, learn = true) => predictionOf({ modelVersion, score, learn });
const labelled = (modelVersion: string, score: number, label: 0 | 1, learn = true): Settled =>
  settledOf(prediction(modelVersion, score, learn), labelledAs(label));

describe('rewardNano', () => {
  it.each([
    [0.9, 1, 990_000_000],
    [0.9, 0, 190_000_000],
    [0.5, 1, 750_000_000],
    [1, 1, 1_000_000_000],
    [1, 0, 0],
    [7, 0, 0],
  ] as const)('score %d, label %i: %i', (score, label, expected) => {
    expect(rewardNano(score, label)).toBe(expected);
  });
});

describe('addRewards', () => {
  it('counts drawn and labelled predictions alone', () => {
    const arms: Arms = new Map();
    const expired = settledOf(prediction('1', 0.5), { kind: 'expired' });
    const changed = addRewards(arms, [
      labelled('1', 0.9, 1),
      labelled('2', 0.5, 0),
      labelled('2', 1, 1, false),
      expired,
    ]);
    expect([...arms]).toEqual([
      ['1', { matured: 1, rewardNano: 990_000_000, rewardSquaredMicro: 980_100 }],
      ['2', { matured: 1, rewardNano: 750_000_000, rewardSquaredMicro: 562_500 }],
    ]);
    expect(changed).toEqual(arms);
    expect(addRewards(arms, [labelled('1', 1, 1)])).toEqual(
      new Map([['1', { matured: 2, rewardNano: 1_990_000_000, rewardSquaredMicro: 1_980_100 }]]),
    );
  });

  it('gives the same totals in any order and any batches', () => {
    const one = fc
      .record({ version: fc.constantFrom('1', '2', '3'), score: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map(({ version, score }) => labelled(version, score, score > 0.3 ? 1 : 0));
    const shuffled = fc
      .array(one, { maxLength: 30 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(30)));
    fc.assert(
      fc.property(shuffled, ([all, other, cut]) => {
        const [a, b]: [Arms, Arms] = [new Map(), new Map()];
        addRewards(a, all);
        addRewards(b, other.slice(0, cut));
        addRewards(b, other.slice(cut));
        const sorted = (arms: Arms) => [...arms].sort(([p], [q]) => (p < q ? -1 : 1));
        expect(sorted(b)).toEqual(sorted(a));
      }),
    );
  });

  it('forgets the oldest of very many versions', () => {
    const arms: Arms = new Map();
    for (let version = 1; version <= 300; version += 1) addRewards(arms, [labelled(String(version), 1, 1)]);
    expect(arms.size).toBe(256);
    expect(arms.has('300')).toBe(true);
    expect(arms.has('1')).toBe(false);
  });
});
