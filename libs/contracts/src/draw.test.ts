import { describe, expect, it } from 'vitest';
import { challengerWeight, championWeight } from './draw.ts';

const challenger = (...ranges: [from: number, to: number][]) => ({
  version: '2',
  ranges: ranges.map(([from, to]) => ({ from, to })),
});

describe('weights of a route', () => {
  it.each([
    ['nothing', [], [], 1],
    ['one range', [challenger([0, 300_000])], [0.3], 0.7],
    ['several', [challenger([0, 1], [5, 100_004]), challenger([200_000, 900_000])], [0.1, 0.7], 0.2],
    ['all', [challenger([0, 1_000_000])], [1], 0],
  ])('%s: exact', (_name, challengers, weights, champion) => {
    expect(challengers.map(challengerWeight)).toEqual(weights);
    expect(championWeight({ challengers })).toBe(champion);
  });
});
