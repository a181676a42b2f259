import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newAlarm, stepAlarm } from '../decide/alarm.ts';
import { debounce, firstWanted, type DebounceRule } from './debounce.ts';

const rule: DebounceRule = { raiseWindows: 2, raiseOf: 3, coolDownWindows: 0 };
const codes = (text: string): readonly number[] => Array.from(text, (letter) => '.DUi'.indexOf(letter));

describe('requests of a sequence of windows', () => {
  test.each<[string, string, Partial<DebounceRule>, number, number]>([
    ['nothing', '', {}, 0, -1],
    ['one of three is not enough', 'D..D..D', {}, 0, -1],
    ['two of three', '.D.D', {}, 1, 3],
    ['an urgent one is enough', '.U.', {}, 1, 1],
    ['each further one asks again', 'DDDD', {}, 3, 1],
    ['but not in the cool-down', 'DDDDDDD', { coolDownWindows: 3 }, 2, 1],
    ['windows without rows move nothing', 'DiiiD', {}, 1, 4],
    ['one of one', '..D.D', { raiseWindows: 1, raiseOf: 1 }, 2, 2],
  ])('%s: %s', (_, windows, changes, requests, first) => {
    expect(debounce(codes(windows), { ...rule, ...changes })).toEqual({ requests, first });
  });

  const windows = fc.array(fc.nat({ max: 3 }), { maxLength: 200 });
  const rules = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.nat({ max: 30 }))
    .map(([a, b, coolDownWindows]) => {
      return { raiseWindows: Math.min(a, b), raiseOf: Math.max(a, b), coolDownWindows };
    });

  test('are at most one a cool-down, and fewer where more windows are needed', () => {
    fc.assert(
      fc.property(windows, rules, (sequence, by) => {
        const { requests, first } = debounce(sequence, by);
        expect(requests).toBeLessThanOrEqual(Math.ceil(sequence.length / Math.max(1, by.coolDownWindows)));
        expect(first < 0).toBe(requests === 0);
        expect(firstWanted(sequence.length, (place) => sequence[place] ?? 3, by)).toBe(first);
        const stricter = debounce(sequence, { ...by, raiseWindows: by.raiseOf, coolDownWindows: 0 });
        expect(stricter.requests).toBeLessThanOrEqual(debounce(sequence, { ...by, coolDownWindows: 0 }).requests);
      }),
    );
  });

  test('are where the detector itself wants them, as long as no alarm ends', () => {
    const verdicts = ['stable', 'drifted', 'drifted', 'insufficient'] as const;
    fc.assert(
      fc.property(windows, rules, (sequence, by) => {
        let alarm = newAlarm('1');
        const wanted = sequence.filter((code, place) => {
          const step = { version: '1', reportId: String(place), atMs: place, calm: false, urgent: code === 2 };
          const result = stepAlarm(alarm, { ...step, verdict: verdicts[code] ?? 'stable' }, { ...by, clearWindows: 1 });
          alarm = result.state;
          return result.wanted;
        });
        expect(debounce(sequence, { ...by, coolDownWindows: 0 }).requests).toBe(wanted.length);
      }),
    );
  });
});
