import { expect, test } from 'vitest';
import { day, hour } from '../../test/fixtures.ts';
import { hasEveryPhase, phaseOf, phasesOf, phaseText, type Phase } from './phase.ts';

test.each<[string, Phase, number, number, readonly number[], string]>([
  ['an hour', 'hour', 13 * hour, 14 * hour, [13], 'hour 13'],
  ['six hours over midnight', 'hour', 5 * day + 21 * hour, 6 * day + 3 * hour, [21, 22, 23, 0, 1, 2], 'hours 21-2'],
  ['23 hours', 'hour', day, 2 * day - hour, Array.from({ length: 23 }, (_, i) => i), 'hours 0-22'],
  ['a day has every hour', 'hour', day, 2 * day, Array.from({ length: 24 }, (_, i) => i), ''],
  ['an hour of a Saturday (1970-01-03)', 'weekday', 2 * day + 5 * hour, 2 * day + 6 * hour, [2], 'weekday Saturday'],
  ['a weekend', 'weekday', 9 * day, 11 * day, [2, 3], 'weekdays Saturday-Sunday'],
  ['a week has every day', 'weekday', 3 * day, 10 * day, [3, 4, 5, 6, 0, 1, 2], ''],
  ['no phase', 'none', hour, 2 * hour, [0], ''],
])('%s', (_, phase, startMs, endMs, phases, text) => {
  const span = { startMs, endMs };
  expect(phasesOf(phase, span)).toEqual(phases);
  expect(phaseText(phase, span)).toBe(text);
  expect(hasEveryPhase(phase, span)).toBe(text === '');
});

test('the hours and days of a span are those of its rows', () => {
  for (const phase of ['hour', 'weekday'] as const) {
    const span = { startMs: 20_000 * hour, endMs: 20_030 * hour };
    const ofRows = new Set(Array.from({ length: 30 }, (_, i) => phaseOf(phase, span.startMs + i * hour)));
    expect(phasesOf(phase, span)).toEqual([...ofRows]);
  }
});
