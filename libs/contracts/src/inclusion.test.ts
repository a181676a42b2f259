import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventId } from './events.ts';
import { inclusionWeight, isLogged } from './inclusion.ts';

describe('isLogged', () => {
  it.each([
    ['ffffffff40000000', 0.5, true],
    ['0000000080000000', 0.5, false],
    ['00000000ffffffff', 1, true],
    ['00000000ffffffff', 0.999, false],
  ])('%s with the share %d: %s', (id, share, expected) => {
    expect(isLogged(id, share)).toBe(expected);
  });

  it('logs more with a greater share, and nothing less', () => {
    const share = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), share, share, (name, a, b) => {
        const id = eventId('decision', name);
        expect(!isLogged(id, Math.min(a, b)) || isLogged(id, Math.max(a, b))).toBe(true);
      }),
    );
  });

  it('logs the share of decisions, whatever parity looks at, and the weights of those count all', () => {
    const ids = Array.from({ length: 20_000 }, (_, n) => eventId('decision', 'delay', `r${n}`));
    const logged = ids.filter((id) => isLogged(id, 0.1));
    // Binomial: 5 standard deviations are 212 records.
    expect(Math.abs(logged.length - 2_000)).toBeLessThan(212);
    const halves = logged.filter((id) => id < '8').length;
    expect(Math.abs(halves - logged.length / 2)).toBeLessThan(115);
    const counted = logged.length * inclusionWeight({ inclusionProbability: 0.1 });
    expect(Math.abs(counted - ids.length)).toBeLessThan(2_120);
  });
});

it.each([
  [0, 1],
  [1, 1],
  [0.25, 4],
])('a record with the inclusion probability %d stands for %d', (inclusionProbability, weight) => {
  expect(inclusionWeight({ inclusionProbability })).toBe(weight);
});
