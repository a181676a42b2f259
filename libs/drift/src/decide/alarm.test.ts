import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newAlarm, recentMax, stepAlarm, type AlarmResult, type AlarmRule, type AlarmStep } from './alarm.ts';

const rule: AlarmRule = { raiseWindows: 2, raiseOf: 3, clearWindows: 2 };

/** Windows by letter: D drifted, U urgent, c calm, s stable but not calm, i insufficient; a digit is the version that follows. */
function steps(text: string): AlarmStep[] {
  let version = '1';
  return Array.from(text).flatMap((letter, i) => {
    if (/\d/.test(letter)) {
      version = letter;
      return [];
    }
    const verdict = 'DU'.includes(letter) ? 'drifted' : letter === 'i' ? 'insufficient' : 'stable';
    return [{ version, reportId: `r${i}`, atMs: i, verdict, calm: letter === 'c', urgent: letter === 'U' }];
  });
}

function run(text: string, by = rule): readonly AlarmResult[] {
  let state = newAlarm('1');
  return steps(text).map((step) => {
    const result = stepAlarm(state, step, by);
    state = result.state;
    return result;
  });
}

/** The state after each window, `^` up and `.` down, and the windows that want a retraining, `!`. */
const trace = (text: string, by = rule): string =>
  run(text, by)
    .map(({ state, wanted }) => (wanted ? '!' : state.sinceMs === null ? '.' : '^'))
    .join('');

describe('an alarm', () => {
  test.each([
    ['one drifted window of three is not enough', 'DssDss', '......'],
    ['two of three raise it', 'sDsD', '...!'],
    ['two of four do not', 'DssD', '....'],
    ['an urgent window is enough', 'sU', '.!'],
    ['it stays up between its two levels', 'DDssss', '.!^^^^'],
    ['calm windows in a row end it', 'DDcc', '.!^.'],
    ['calm windows that are interrupted do not', 'DDcsc', '.!^^^'],
    ['a drifted window alone wants nothing again when the first are out of sight', 'DDsssD', '.!^^^^'],
    ['and does when k of n are drifted again', 'DDsssDD', '.!^^^^!'],
    ['windows without enough rows move nothing', 'DiDiciic', '..!^^^^.'],
    ['what was before its end does not raise the next', 'DDccD', '.!^..'],
    ['another version begins anew', 'DD2D', '.!.'],
    ['and may raise its own', 'DD2U', '.!!'],
  ])('%s', (_, windows, expected) => {
    expect(trace(windows)).toBe(expected);
  });

  test('is called by the first drifted window that led to it, until it ends', () => {
    expect(run('sDsDDccD').map(({ correlationId }) => correlationId)).toEqual([
      'r0',
      'r1',
      'r1',
      'r1',
      'r1',
      'r1',
      'r1',
      'r7',
    ]);
  });

  test('that is up when its version is replaced ends as superseded, before the next begins', () => {
    expect(run('DD2U').at(-1)?.changes).toEqual([
      { kind: 'superseded', correlationId: 'r0', sinceMs: 1, version: '1' },
      { kind: 'raised', correlationId: 'r3', sinceMs: 3, version: '2' },
    ]);
  });

  test('says what it has counted', () => {
    expect(run('DsD').at(-1)).toMatchObject({ drifted: 2, windows: 3 });
    expect(run('D').at(-1)).toMatchObject({ drifted: 1, windows: 1 });
  });

  const windows = fc.string({ unit: fc.constantFrom(...Array.from('DUcsi12')), maxLength: 250 });
  const rules = fc
    .record({
      a: fc.integer({ min: 1, max: 8 }),
      b: fc.integer({ min: 1, max: 8 }),
      clearWindows: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ a, b, clearWindows }) => ({ raiseWindows: Math.min(a, b), raiseOf: Math.max(a, b), clearWindows }));

  test('raises and ends in turns, wants only what is drifted enough, and remembers a bounded time', () => {
    fc.assert(
      fc.property(windows, rules, (text, by) => {
        const results = run(text, by);
        let isUp = false;
        steps(text).forEach((step, i) => {
          const result = results[i];
          for (const { kind } of result?.changes ?? []) {
            expect(kind === 'raised').toBe(!isUp);
            isUp = kind === 'raised';
          }
          expect(result?.state.sinceMs !== null).toBe(isUp);
          expect(result?.state.recent.length).toBeLessThanOrEqual(recentMax);
          if (result?.wanted !== true) return;
          expect(step.verdict).toBe('drifted');
          expect(isUp).toBe(true);
          expect(step.urgent || result.drifted >= by.raiseWindows).toBe(true);
        });
      }),
    );
  });

  test('goes on from its stored state as if it had never stopped', () => {
    fc.assert(
      fc.property(windows, rules, fc.nat({ max: 250 }), (text, by, cut) => {
        let state = newAlarm('1');
        const resumed = steps(text).map((step, i) => {
          if (i === cut) state = JSON.parse(JSON.stringify(state)) as typeof state;
          const result = stepAlarm(state, step, by);
          state = result.state;
          return result;
        });
        expect(resumed).toEqual(run(text, by));
      }),
    );
  });
});
