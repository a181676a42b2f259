import fc from 'fast-check';
import { expect, it } from 'vitest';
import { durationMs, formatDuration } from './duration.ts';

it.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['15m', 900_000],
  ['3h', 10_800_000],
  ['7d', 604_800_000],
  ['0s', 0],
  ['-0s', 0],
  ['-1h', -3_600_000],
])('%s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

it.each(['', '5', '1.5h', '1 h', '1w', 'h', '+1h', '1H', '999999999999999d', '1h30m', '１h'])(
  '"%s" is no duration',
  (text) => {
    expect(durationMs(text)).toBeUndefined();
  },
);

it('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.integer(), (ms) => {
      expect(durationMs(formatDuration(ms))).toBe(ms);
    }),
  );
  expect([formatDuration(86_400_000), formatDuration(5_400_000), formatDuration(0)]).toEqual(['1d', '90m', '0s']);
});
