import type { ChooseSpec } from '@everloop/contracts';
import { drawArm } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionEpsilon, actionPropensity, createChooser, drawAction, withActions, type Chooser } from './actions.ts';

const choose: ChooseSpec = {
  ...{ input: 'shown', actions: ['a', 'b', 'c'], epsilon: 0.3, floor: 0.06, halfAt: 0, warmUp: 0 },
};
const inputs = [
  { name: 'age', type: 'number' as const, from: 'request.age' },
  { name: 'shown', type: 'category' as const, from: 'request.banner' },
];
const chooserOf = (fields: Partial<ChooseSpec> = {}): Chooser =>
  createChooser({ choose: { ...choose, ...fields }, inputs }) as Chooser;

describe('a chooser', () => {
  it('is there for models that choose', () => {
    expect(createChooser({ inputs })).toBeNull();
    expect(chooserOf({ actions: [1, 2.5] })).toMatchObject({ field: 'banner', names: ['1', '2.5'] });
  });

  it('takes each row with each action', () => {
    const rows = [{ age: 1 }, { age: 2, banner: 'x' }];
    expect(withActions(chooserOf({ actions: ['a', 'b'] }), rows)).toEqual([
      ...[
        { age: 1, banner: 'a' },
        { age: 1, banner: 'b' },
      ],
      ...[
        { age: 2, banner: 'a' },
        { age: 2, banner: 'b' },
      ],
    ]);
  });
});

describe('how much is explored', () => {
  const rewards = (...matured: number[]) => matured.map((count) => ({ matured: count, sum: 0 }));
  it.each([
    ['everything until each action is warm', { warmUp: 5 }, rewards(9, 9, 4), 1],
    ['epsilon then', { warmUp: 5 }, rewards(5, 5, 5), 0.3],
    ['half of it when so many rewards have come', { halfAt: 60 }, rewards(10, 20, 30), 0.15],
    ['never less than the floor', { halfAt: 1 }, rewards(1e6, 1e6, 1e6), 0.06],
  ])('%s', (_name, fields, earned, epsilon) => {
    expect(actionEpsilon(chooserOf(fields), earned)).toBeCloseTo(epsilon, 12);
  });
});

describe('the draw of an action', () => {
  it('gives each action ε/K and the best the rest, which they share', () => {
    const drawn = drawAction(chooserOf(), [0.5, 0.7, 0.7], 0.3, 'd');
    expect(drawn.pmf.map((each) => Math.round(each * 1e12) / 1e12)).toEqual([0.1, 0.45, 0.45]);
    expect(drawn).toMatchObject({ actions: ['a', 'b', 'c'], scores: [0.5, 0.7, 0.7], epsilon: 0.3, seed: 'd' });
    expect(drawn.action).toBe(['a', 'b', 'c'][drawn.at]);
    expect(drawn.explore).toBe(drawn.at === 0);
    expect(actionPropensity(drawn)).toBe(drawn.pmf[drawn.at]);
    expect(actionPropensity(undefined)).toBe(1);
  });

  it('sums to 1, has no action under ε/K, and is the same again from what is logged', () => {
    const scores = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 64 });
    fc.assert(
      fc.property(scores, fc.double({ min: 0, max: 1, noNaN: true }), fc.string(), (given, epsilon, id) => {
        const names = given.map((_, at) => `a${at}`);
        const drawn = drawAction({ names }, given, epsilon, id);
        expect(Math.abs(drawn.pmf.reduce((sum, each) => sum + each, 0) - 1)).toBeLessThan(1e-9);
        expect(Math.min(...drawn.pmf)).toBeGreaterThanOrEqual(epsilon / given.length);
        expect(drawArm('choose', drawn.seed, drawn.pmf)).toBe(drawn.at);
        expect(drawn.pmf[drawn.at]).toBeGreaterThan(0);
      }),
    );
  });

  it('comes as often as its probability says: 1,000,000 decisions, within five standard deviations of the binomial', () => {
    const draws = 1_000_000;
    const [chooser, counts] = [chooserOf(), [0, 0, 0]];
    const scores = [0.2, 0.9, 0.4];
    for (let at = 0; at < draws; at += 1) {
      const { at: drawn } = drawAction(chooser, scores, 0.3, `decision-${at}`);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const [action, probability] of [0.1, 0.8, 0.1].entries()) {
      const bound = 5 * Math.sqrt(draws * probability * (1 - probability));
      expect(Math.abs((counts[action] ?? 0) - draws * probability)).toBeLessThan(bound);
    }
  }, 60_000);
});
