import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomIndex } from '../numerics/random.ts';
import { MeanSequence, type MeanSequenceOptions } from './mean-sequence.ts';

function missShare(options: MeanSequenceOptions, truth: number, next: (uniform: () => number) => number): number {
  const runs = 400;
  let missed = 0;
  for (let run = 0; run < runs; run += 1) {
    const random = randomIndex(run + 1);
    const sequence = new MeanSequence(options);
    let isMissed = false;
    for (let i = 0; i < 500 && !isMissed; i += 1) {
      sequence.add(next(() => random(2 ** 32) / 2 ** 32));
      isMissed = sequence.lower > truth || sequence.upper < truth;
    }
    if (isMissed) missed += 1;
  }
  return missed / runs;
}

describe('MeanSequence', () => {
  test.each([
    ['rare events', 0.03, (u: () => number): number => (u() < 0.03 ? 1 : 0)],
    ['a fair coin', 0.5, (u: () => number): number => (u() < 0.5 ? 1 : 0)],
    ['uniform values', 0.5, (u: () => number): number => u()],
    ['small spread', 0.7, (u: () => number): number => 0.69 + 0.02 * u()],
  ])('holds the mean at all times at once: %s', (_, truth, next) => {
    // At most 10 %, and three standard errors of 400 runs.
    expect(missShare({ confidence: 0.9 }, truth, next)).toBeLessThan(0.1 + 0.045);
  });

  test('an interval that is right at each single time is not, looked at after each value', () => {
    const runs = 200;
    let missed = 0;
    for (let run = 0; run < runs; run += 1) {
      const random = randomIndex(run + 1);
      let heads = 0;
      for (let n = 1; n <= 500; n += 1) {
        heads += random(2);
        if (n > 20 && Math.abs(heads / n - 0.5) > 1.645 * Math.sqrt(0.25 / n)) {
          missed += 1;
          break;
        }
      }
    }
    expect(missed / runs).toBeGreaterThan(0.3);
  });

  test('closes in on the mean, sooner for a small spread', () => {
    const random = randomIndex(3);
    const [wide, narrow] = [new MeanSequence({ min: -10, max: 10 }), new MeanSequence({ min: -10, max: 10 })];
    for (let i = 0; i < 5000; i += 1) {
      const u = random(2 ** 32) / 2 ** 32;
      wide.add(20 * u - 10);
      narrow.add(2 + u);
    }
    expect(Math.abs(wide.mean)).toBeLessThan(0.3);
    expect(wide.upper - wide.lower).toBeLessThan(1);
    expect(narrow.upper - narrow.lower).toBeLessThan(0.2);
    expect(narrow.lower).toBeLessThan(2.5);
    expect(narrow.upper).toBeGreaterThan(2.5);
  });

  test('is within the range, never widens, and is the mirror of the mirrored values', () => {
    const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 100 });
    fc.assert(
      fc.property(values, (all) => {
        const [sequence, mirrored] = [new MeanSequence(), new MeanSequence()];
        let [lower, upper] = [0, 1];
        for (const value of all) {
          sequence.add(value);
          mirrored.add(1 - value);
          expect(sequence.lower).toBeGreaterThanOrEqual(lower);
          expect(sequence.upper).toBeLessThanOrEqual(upper);
          [lower, upper] = [sequence.lower, sequence.upper];
        }
        expect(mirrored.lower).toBeCloseTo(1 - upper, 9);
        expect(mirrored.upper).toBeCloseTo(1 - lower, 9);
      }),
    );
  });

  test('a mean that moves leaves nothing that fits all', () => {
    const sequence = new MeanSequence();
    for (let i = 0; i < 4000; i += 1) sequence.add(i < 2000 ? (i % 10 === 0 ? 1 : 0) : i % 10 === 0 ? 0 : 1);
    expect(sequence.lower).toBeGreaterThan(sequence.upper);
  });

  test('stored and read back it goes on as if nothing had been', () => {
    const [whole, first, second] = [new MeanSequence(), new MeanSequence(), new MeanSequence()];
    for (let i = 0; i < 300; i += 1) whole.add(((i * 7) % 13) / 13);
    for (let i = 0; i < 120; i += 1) first.add(((i * 7) % 13) / 13);
    second.restore(JSON.parse(JSON.stringify(first.state())) as ReturnType<MeanSequence['state']>);
    for (let i = 120; i < 300; i += 1) second.add(((i * 7) % 13) / 13);
    expect(second.state()).toEqual(whole.state());
  });

  test('no values, and values that are none or outside', () => {
    const sequence = new MeanSequence({ min: 0, max: 2 });
    expect([sequence.lower, sequence.upper, sequence.mean]).toEqual([0, 2, Number.NaN]);
    sequence.add(Number.NaN);
    expect(sequence.rows).toBe(0);
    sequence.add(9);
    expect(sequence.mean).toBe(2);
  });
});
