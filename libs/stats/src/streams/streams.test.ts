import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomIndex } from '../numerics/random.ts';
import { golden, sample } from '../../test/recipe.ts';
import { Adwin } from './adwin.ts';
import { Kswin } from './kswin.ts';
import { PageHinkley } from './page-hinkley.ts';

interface Detector {
  add(value: number): boolean;
}

function alarms(detector: Detector, values: readonly number[]): readonly number[] {
  return values.flatMap((value, i) => (detector.add(value) ? [i] : []));
}

/** About normal: twelve uniform numbers. */
function bells(seed: number): () => number {
  const random = randomIndex(seed);
  return () => Array.from({ length: 12 }, () => random(2 ** 32) / 2 ** 32).reduce((a, b) => a + b) - 6;
}

function series(seed: number, ...parts: readonly (readonly [rows: number, mean: number])[]): readonly number[] {
  const next = bells(seed);
  return parts.flatMap(([rows, mean]) => Array.from({ length: rows }, () => mean + next()));
}

describe('against River 0.23.0', () => {
  const detectors: Readonly<Record<string, () => Detector>> = {
    'ADWIN(delta=0.002,clock=32,max_buckets=5,min_window_length=5,grace_period=10)': () =>
      new Adwin({ afterChange: 'restart' }),
    'PageHinkley(min_instances=30,delta=0.005,threshold=50,alpha=0.9999,mode=both)': () => new PageHinkley(),
  };
  for (const [name, row] of Object.entries(golden.streams)) {
    const values = row.parts.flatMap(sample);
    for (const detector of Object.keys(row).filter((key) => key !== 'parts')) {
      test(`${name}: ${detector}`, () => {
        const create = detectors[detector];
        expect(create).toBeDefined();
        if (create !== undefined) expect(alarms(create(), values)).toEqual(row[detector]);
      });
    }
  }
});

describe.each([
  ['Adwin', () => new Adwin(), 1, 300],
  ['Adwin that restarts', () => new Adwin({ afterChange: 'restart' }), 1, 300],
  ['PageHinkley', () => new PageHinkley({ threshold: 80 }), 1, 300],
  ['Kswin', () => new Kswin({ alpha: 1e-6 }), 3, 100],
  ['Kswin that keeps none', () => new Kswin({ alpha: 1e-6, keeps: 'none' }), 3, 100],
] as const)('%s', (_, create, shift, within) => {
  test('finds a step, and nothing before it', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const [first] = alarms(create(), series(seed, [1500, 0], [1500, shift]));
      expect(first).toBeGreaterThanOrEqual(1500);
      expect(first).toBeLessThan(1500 + within);
    }
  });

  test('stored and read back it goes on as if nothing had been', () => {
    const change = fc.record({ seed: fc.integer(), at: fc.integer({ min: 0, max: 700 }) });
    fc.assert(
      fc.property(change, ({ seed, at }) => {
        const values = series(seed, [300, 0], [400, 1.5]);
        const whole = alarms(create(), values);
        const [first, second] = [create(), create()];
        const before = alarms(first, values.slice(0, at));
        second.restore(JSON.parse(JSON.stringify(first.state())) as never);
        const after = alarms(second, values.slice(at)).map((i) => i + at);
        expect([...before, ...after]).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  test('does not mind values that are none', () => {
    const values = series(9, [600, 0], [600, shift]);
    const detector = create();
    const seen = values.flatMap((value, i) => {
      detector.add(Number.NaN);
      return detector.add(value) ? [i] : [];
    });
    expect(seen).toEqual(alarms(create(), values));
  });
});

describe('Adwin', () => {
  test('width, mean and variance are those of the newest values', () => {
    const near = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(near, (values) => {
        const adwin = new Adwin();
        for (const value of values) adwin.add(value);
        const window = values.slice(values.length - adwin.width);
        const mean = window.reduce((a, b) => a + b, 0) / window.length;
        expect(adwin.mean).toBeCloseTo(mean, 8);
        const variance = window.reduce((sum, value) => sum + (value - mean) ** 2, 0) / window.length;
        expect(adwin.variance).toBeCloseTo(variance, 6);
      }),
    );
  });

  test('after a step the window holds the new mean', () => {
    const adwin = new Adwin();
    for (const value of series(3, [2000, 0], [2000, 2])) adwin.add(value);
    expect(adwin.width).toBeLessThan(2100);
    expect(Math.abs(adwin.mean - 2)).toBeLessThan(0.1);
  });

  test('keeps about 5 buckets for each power of two', () => {
    const adwin = new Adwin();
    for (const value of series(4, [20_000, 0])) adwin.add(value);
    const { levels } = adwin.state();
    expect(levels.length).toBeLessThanOrEqual(14);
    expect(levels.every(({ totals }) => totals.length <= 6)).toBe(true);
    expect(levels.reduce((sum, { totals }, i) => sum + totals.length * 2 ** i, 0)).toBe(adwin.width);
  });

  test('false alarms without change are rare', () => {
    let count = 0;
    for (let seed = 0; seed < 50; seed += 1) count += alarms(new Adwin(), series(seed, [4000, 0])).length;
    expect(count).toBeLessThanOrEqual(2);
  });

  test('empty', () => {
    expect(new Adwin().width).toBe(0);
    expect(new Adwin().mean).toBeNaN();
    expect(new Adwin().variance).toBeNaN();
  });
});

describe('PageHinkley', () => {
  test('watches one direction only where that is asked', () => {
    const fall = series(6, [1500, 0], [1500, -1]);
    expect(alarms(new PageHinkley({ direction: 'up', threshold: 80 }), fall)).toEqual([]);
    expect(alarms(new PageHinkley({ direction: 'down', threshold: 80 }), fall).length).toBeGreaterThan(0);
    const rise = fall.map((value) => -value);
    expect(alarms(new PageHinkley({ direction: 'down', threshold: 80 }), rise)).toEqual([]);
  });

  test('begins anew after an alarm, and is quiet before enough values', () => {
    const detector = new PageHinkley({ threshold: 1, rowsMin: 5 });
    const jump = [0, 0, 0, 100];
    expect(alarms(detector, jump)).toEqual([]);
    expect(detector.add(100)).toBe(true);
    expect(detector.mean).toBe(0);
    expect(detector.state()).toEqual(new PageHinkley().state());
  });
});

describe('Kswin', () => {
  test('finds a change of spread that leaves the mean', () => {
    const next = bells(8);
    const values = Array.from({ length: 2000 }, (_, i) => next() * (i < 1000 ? 1 : 6));
    const [first] = alarms(new Kswin({ alpha: 1e-6, windowRows: 300, testRows: 100 }), values);
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(first).toBeLessThan(1200);
  });

  test('the p-value of an alarm is at most alpha, the distance above 0.1', () => {
    const detector = new Kswin({ alpha: 0.01 });
    for (const value of series(2, [500, 0], [500, 1])) {
      if (detector.add(value)) {
        expect(detector.pValue).toBeLessThanOrEqual(0.01);
        expect(detector.statistic).toBeGreaterThan(0.1);
      }
    }
  });

  test('draws different places below the bound', () => {
    const seen: number[][] = [];
    const detector = new Kswin({
      windowRows: 10,
      testRows: 3,
      draw: (below, count, into) => {
        expect([below, count]).toEqual([7, 3]);
        into.set([6, 0, 3]);
        seen.push([...into]);
      },
    });
    for (let i = 0; i < 12; i += 1) detector.add(i);
    expect(seen).toHaveLength(3);
    expect(detector.statistic).toBe(1);
  });
});
