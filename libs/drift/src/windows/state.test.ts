import fc from 'fast-check';
import { drift, type MonitorSpec } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { baseline, hour, hourOfRows, monitor } from '../../test/fixtures.ts';
import { countPanes } from '../panes/pane-gatherer.ts';
import {
  createWindowState,
  isFarAhead,
  panesMax,
  restoreChange,
  takeChanges,
  takeDisplaced,
  takePane,
  type WindowState,
} from './state.ts';
import { closeWindows, type DueWindow } from './windows.ts';

const reference = baseline();

interface Hour {
  readonly at: number;
  readonly rows: number;
}

function feed(state: WindowState, hours: readonly Hour[], of = monitor()): void {
  hours.forEach(({ at, rows }, i) => {
    for (const pane of countPanes(hourOfRows(i + 1, at * hour, rows, 0), () => reference)) takePane(state, [of], pane);
  });
}

/** Start, end, rows and carried windows of each that closed, in hours. */
function spans(due: readonly DueWindow[]): readonly (readonly number[])[] {
  return due.map(({ startMs, endMs, counts, carried }) => [startMs / hour, endMs / hour, counts.rows, carried]);
}

function closed(spec: Partial<MonitorSpec>, hours: readonly Hour[], untilHour: number): readonly (readonly number[])[] {
  const state = createWindowState();
  const of = monitor({ minRows: 10, ...spec });
  feed(state, hours, of);
  return spans(closeWindows(state, [of], untilHour * hour));
}

describe('windows that overlap', () => {
  test('each has the rows of its hours; one without rows is not reported', () => {
    const hours = [0, 1, 2, 9].map((at) => ({ at, rows: 10 + at }));
    expect(closed({ windowMs: 3 * hour, slideMs: hour }, hours, 12)).toEqual([
      [-2, 1, 10, 0],
      [-1, 2, 21, 0],
      [0, 3, 33, 0],
      [1, 4, 23, 0],
      [2, 5, 12, 0],
      [7, 10, 19, 0],
      [8, 11, 19, 0],
      [9, 12, 19, 0],
    ]);
  });
});

describe('windows with too few rows', () => {
  const hours = [0, 1, 2, 3].map((at) => ({ at, rows: 4 }));
  test('are closed on time and carried over into the next, until there are enough', () => {
    expect(closed({ windowMs: hour }, hours, 4)).toEqual([
      [0, 1, 4, 0],
      [0, 2, 8, 1],
      [0, 3, 12, 2],
      [3, 4, 4, 0],
    ]);
  });

  test('are carried over so often at most', () => {
    expect(closed({ windowMs: hour, carry: 1 }, hours, 4)).toEqual([
      [0, 1, 4, 0],
      [0, 2, 8, 1],
      [2, 3, 4, 0],
      [2, 4, 8, 1],
    ]);
    expect(closed({ windowMs: hour, carry: 0 }, hours, 2).map(([start]) => start)).toEqual([0, 1]);
  });

  test('end with the windows after them, also when those are empty', () => {
    expect(closed({ windowMs: hour, carry: 2 }, [{ at: 0, rows: 4 }], 9)).toEqual([
      [0, 1, 4, 0],
      [0, 2, 4, 1],
      [0, 3, 4, 2],
    ]);
  });
});

describe('lateness', () => {
  test('a window closes when the watermark has passed its end by what is allowed, and takes rows until then', () => {
    const state = createWindowState();
    const of = monitor({ windowMs: 2 * hour, allowedLatenessMs: hour, minRows: 1 });
    feed(state, [{ at: 0, rows: 5 }], of);
    expect(closeWindows(state, [of], 3 * hour - 1)).toEqual([]);
    feed(state, [{ at: 1, rows: 7 }], of);
    expect(spans(closeWindows(state, [of], 3 * hour))).toEqual([[0, 2, 12, 0]]);
  });

  test('what comes later is in the next report, as a number', () => {
    const state = createWindowState();
    const of = monitor({ windowMs: hour, minRows: 1 });
    closeWindows(state, [of], 2 * hour);
    feed(state, [{ at: 0, rows: 5 }, { at: 2, rows: 3 }], of); // prettier-ignore
    expect(closeWindows(state, [of], 3 * hour).map(({ lateRows, counts }) => [lateRows, counts.rows])).toEqual([
      [5, 3],
    ]);
  });

  test('a pane that one Monitor can still use is taken, and late for the other', () => {
    const state = createWindowState();
    const [short, long] = [
      monitor({ windowMs: hour, minRows: 1 }, 'a'),
      monitor({ windowMs: 4 * hour, minRows: 1 }, 'b'),
    ];
    closeWindows(state, [short, long], 2 * hour);
    const [pane] = countPanes(hourOfRows(1, 0, 5, 0), () => reference);
    if (pane === undefined) throw new Error('no rows');
    expect(takePane(state, [short, long], pane)).toBe('taken');
    expect([state.cursors.get('a')?.lateRows, state.cursors.get('b')?.lateRows ?? 0]).toEqual([5, 0]);
  });
});

describe('when all room is taken', () => {
  const paneOf = (model: string, at: number): drift.Pane =>
    drift.Pane.fromPartial({ model, baselineVersion: '1', startMs: at * hour, rows: 2 });
  const full = (model: string, from: number): WindowState => {
    const state = createWindowState();
    for (let i = 0; i < panesMax; i += 1) takePane(state, [], paneOf(model, from + i));
    return state;
  };

  test('a new hour that is furthest ahead has none, and an hour that is held takes its rows', () => {
    const state = full('m', 0);
    expect(takePane(state, [], paneOf('m', panesMax))).toBe('full');
    expect(takePane(state, [], paneOf('m', 0))).toBe('taken');
    expect([state.panes.size, takeDisplaced(state)]).toEqual([panesMax, new Map()]);
  });

  test('hours of the far future make room, so that windows close with all their rows', () => {
    const state = full('other', 1e6);
    takeChanges(state);
    const of = monitor({ windowMs: 2 * hour, minRows: 1 });
    for (const at of [0, 1, 0]) expect(takePane(state, [of], paneOf('m', at))).toBe('taken');
    expect(takeDisplaced(state)).toEqual(new Map([['other', 4]]));
    expect(takeDisplaced(state).size).toBe(0);
    const gone = [1, 2].map((i) => `windows/pane/other/1/${(1e6 + panesMax - i) * hour}`);
    expect(
      takeChanges(state)
        .filter(({ value }) => value === null)
        .map(({ key }) => key),
    ).toEqual(gone.toSorted());
    expect(spans(closeWindows(state, [of], 2 * hour))).toEqual([[0, 2, 6, 0]]);
  });

  test('the same hours are kept, whatever the order in which they came', () => {
    const [forth, back] = [createWindowState(), createWindowState()];
    const hours = Array.from({ length: panesMax + 50 }, (_, i) => (i * 7919) % (panesMax + 50));
    for (const at of hours) takePane(forth, [], paneOf('m', at));
    for (const at of hours.toReversed()) takePane(back, [], paneOf('m', at));
    const kept = [...forth.panes.values()].map(({ startMs }) => startMs / hour).sort((a, b) => a - b);
    expect(kept).toEqual(Array.from({ length: panesMax }, (_, i) => i));
    expect(new Set(back.panes.keys())).toEqual(new Set(forth.panes.keys()));
  });

  test.each([
    ['before any watermark', -Infinity, 1e6, false],
    ['31 days ahead', 10 * hour, 10 + 31 * 24, false],
    ['more than 31 days ahead', 10 * hour, 11 + 31 * 24, true],
    ['of the past', 10 * hour, 0, false],
  ])('far ahead is a pane %s: %d, %d, %s', (_, watermarkMs, at, expected) => {
    expect(isFarAhead({ ...createWindowState(), watermarkMs }, paneOf('m', at))).toBe(expected);
  });
});

describe('state', () => {
  test('comes back from its changelog whenever it is cut, so that the same windows close', () => {
    const hours = fc.array(fc.record({ at: fc.nat(20), rows: fc.integer({ min: 1, max: 8 }) }), { maxLength: 8 });
    const slide = fc.constantFrom(1, 3);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hours, fc.nat(24)), { maxLength: 4 }),
        slide,
        fc.nat(2),
        (steps, slideHours, carry) => {
          const of = monitor({ windowMs: 3 * hour, slideMs: slideHours * hour, minRows: 10, carry });
          const run = (cuts: boolean): readonly DueWindow[] => {
            let state = createWindowState();
            const log = new Map<string, Uint8Array>();
            return steps.flatMap(([fed, watermark]) => {
              feed(state, fed, of);
              const due = closeWindows(state, [of], watermark * hour);
              for (const { key, value } of takeChanges(state)) {
                if (value === null) log.delete(key);
                else log.set(key, value);
              }
              if (!cuts) return due;
              state = createWindowState();
              for (const [key, value] of log) restoreChange(state, key, value);
              return due;
            });
          };
          expect(run(true)).toEqual(run(false));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('leaves the keys of other stages alone', () => {
    const state = createWindowState();
    restoreChange(state, 'decisions/watch', Buffer.from('not for it'));
    expect(state).toEqual(createWindowState());
  });
});
