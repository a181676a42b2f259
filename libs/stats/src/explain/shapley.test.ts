import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planShapley, shapleyValues, type ShapleyOptions } from './shapley.ts';

type Model = (inputs: readonly number[]) => number;

/** A model explained by the plan of an instance against a background. */
function explain(
  model: Model,
  instance: readonly number[],
  background: readonly (readonly number[])[],
  options: Partial<ShapleyOptions> = {},
) {
  const differs = background.map((row) => row.map((value, input) => (value === instance[input] ? 0 : 1)));
  const plan = planShapley(differs, { evaluationsMax: 100_000, pairsMax: 10, seed: 'd1', ...options });
  const scores = plan.steps.map(({ row, taken }) =>
    model(Array.from(taken, (flag, input) => (flag === 1 ? instance[input] : background[row]?.[input]) ?? Number.NaN)),
  );
  return { plan, ...shapleyValues(plan, model(instance), background.map(model), scores) };
}

/** Shapley values by their definition: the mean over all orders of what each input adds to v(S), the mean over the background. */
function byDefinition(model: Model, instance: readonly number[], background: readonly (readonly number[])[]): number[] {
  const v = (taken: ReadonlySet<number>): number =>
    background.reduce(
      (sum, row) => sum + model(row.map((value, input) => (taken.has(input) ? (instance[input] ?? 0) : value))),
      0,
    ) / background.length;
  const orders = (left: readonly number[]): number[][] =>
    left.length === 0
      ? [[]]
      : left.flatMap((first) => orders(left.filter((each) => each !== first)).map((rest) => [first, ...rest]));
  const all = orders(instance.map((_, input) => input));
  return instance.map((_, input) => {
    const added = all.map((order) => {
      const before = order.slice(0, order.indexOf(input));
      return v(new Set([...before, input])) - v(new Set(before));
    });
    return added.reduce((sum, each) => sum + each, 0) / all.length;
  });
}

const linear: Model = ([a = 0, b = 0, c = 0, d = 0]) => 2 * a - b + 0.5 * c + 3 * d;
const tangled: Model = ([a = 0, b = 0, c = 0, d = 0]) => Math.tanh(a * b) + Math.max(b, c) * d - a * c * d;
const number = fc.double({ min: -3, max: 3, noNaN: true });
const row = fc.tuple(number, number, number, number);
const rows = fc.array(row, { minLength: 1, maxLength: 6 });
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, each) => total + each, 0);

describe('exact values', () => {
  it('are those of the definition, for any model and background', () => {
    fc.assert(
      fc.property(row, rows, (instance, background) => {
        const { attributions, plan } = explain(tangled, instance, background);
        expect(plan.isExact).toBe(true);
        byDefinition(tangled, instance, background).forEach((expected, input) =>
          expect(attributions[input]).toBeCloseTo(expected, 9),
        );
      }),
    );
  });

  it('of a linear model are weight times distance from the mean', () => {
    const background = [
      [0, 0, 0, 0],
      [2, 4, 2, 0],
    ];
    const { attributions, base } = explain(linear, [3, 1, 0, -1], background);
    [4, 1, -0.5, -3].forEach((expected, input) => expect(attributions[input]).toBeCloseTo(expected, 12));
    expect(base).toBeCloseTo(0.5, 12);
  });

  it('give nothing to an input that is as in the background, or that the model ignores', () => {
    const { attributions } = explain(
      ([a = 0, b = 0]) => a + b,
      [1, 2, 9],
      [
        [0, 2, 1],
        [5, 2, 3],
      ],
    );
    expect(Array.from(attributions).map((each) => each + 0)).toEqual([-1.5, 0, 0]);
  });

  it('of a row that is the instance itself are zero, and the base is its value', () => {
    expect(explain(linear, [1, 2, 3, 4], [[1, 2, 3, 4]])).toMatchObject({
      attributions: Float64Array.of(0, 0, 0, 0),
      base: 13.5,
    });
  });

  it('without a background are none', () => {
    expect(explain(linear, [1, 2, 3, 4], [])).toMatchObject({ attributions: new Float64Array(0), base: 0 });
  });
});

describe('sampled values', () => {
  const wide: Model = (inputs) =>
    1 / (1 + Math.exp(-inputs.reduce((z, x, n) => z + x * Math.cos(n) + x * (inputs[n + 1] ?? 0), 0)));
  const instance = Array.from({ length: 12 }, (_, n) => Math.sin(n));
  const background = Array.from({ length: 30 }, (_, r) => instance.map((_, n) => Math.cos(r * 7 + n * 3)));

  it('sum to the value less the base, whatever was sampled', () => {
    fc.assert(
      fc.property(row, rows, fc.integer({ min: 1, max: 40 }), fc.string(), (x, w, evaluationsMax, seed) => {
        const { attributions, base } = explain(tangled, x, w, { evaluationsMax, seed, pairsMax: 1 });
        expect(Math.abs(sum(attributions) + base - tangled(x))).toBeLessThan(1e-9);
      }),
    );
    const { attributions, base, plan } = explain(wide, instance, background, { evaluationsMax: 5_000 });
    expect(plan.isExact).toBe(false);
    expect(Math.abs(sum(attributions) + base - wide(instance))).toBeLessThan(1e-12);
  });

  it('are near the exact ones, the more so the more is evaluated', () => {
    const exact = explain(wide, instance, background, { evaluationsMax: 1_000_000 });
    expect(exact.plan.isExact).toBe(true);
    const errorOf = (evaluationsMax: number): number => {
      const { attributions, plan } = explain(wide, instance, background, { evaluationsMax, pairsMax: 200 });
      expect(plan.steps.length).toBeLessThanOrEqual(evaluationsMax);
      return Math.max(...attributions.map((each, input) => Math.abs(each - (exact.attributions[input] ?? 0))));
    };
    expect(errorOf(2_000)).toBeLessThan(0.05);
    expect(errorOf(60_000)).toBeLessThan(0.005);
  });

  it('are the same for the same seed, and others for another', () => {
    const of = (seed: string) => explain(wide, instance, background, { evaluationsMax: 3_000, seed }).attributions;
    expect(of('a')).toEqual(of('a'));
    expect(of('a')).not.toEqual(of('b'));
  });

  it('take no more evaluations than they may, but one pair of orders', () => {
    const options = { evaluationsMax: 100, pairsMax: 5 };
    const some = explain(wide, instance, background, options);
    expect(some.plan.rows.length).toBe(4);
    expect(some.plan.steps.length).toBe(88);
    expect(explain(wide, instance, background, { ...options, evaluationsMax: 1 }).plan.steps.length).toBe(22);
  });
});
