import { describe, expect, test } from 'vitest';
import { baseline, day, dayOfRows, monitor } from '../../test/fixtures.ts';
import { evaluateWindow, policyOf } from '../judge/evaluate.ts';
import { countPanes } from '../panes/pane-gatherer.ts';
import { compareVersions, firstEndMs, lastEndMs } from './spans.ts';
import { createWindowState, takePane, type WindowState } from './state.ts';
import { closeWindows } from './windows.ts';

const reference = baseline();

function feed(state: WindowState, seed: number, startMs: number, n: number, shift = 0, champion = '1'): void {
  for (const pane of countPanes(dayOfRows(seed, startMs, n, shift, champion), () => reference))
    takePane(state, [monitor()], pane);
}

describe('windows', () => {
  test('are aligned to 1970 and whole hours wide', () => {
    expect(lastEndMs(monitor().spec, 8 * day + 5)).toBe(14 * day);
    expect(lastEndMs(monitor({ windowMs: 1.49 * day }).spec, 4 * day)).toBe(4.5 * day);
    const sliding = monitor({ windowMs: 3 * day, slideMs: day }).spec;
    expect([firstEndMs(sliding, 4 * day), lastEndMs(sliding, 4 * day)]).toEqual([5 * day, 7 * day]);
  });

  test('close in order when the watermark has passed their end, each once', () => {
    const state = createWindowState();
    for (const start of [0, 6, 7, 14]) feed(state, start + 1, start * day, 10);
    expect(closeWindows(state, [monitor()], 7 * day - 1)).toEqual([]);
    const due = closeWindows(state, [monitor({ carry: 0 })], 14 * day);
    expect(due.map(({ startMs, endMs, counts }) => [startMs / day, endMs / day, counts.rows])).toEqual([
      [0, 7, 20],
      [7, 14, 10],
    ]);
    expect(closeWindows(state, [monitor()], 15 * day)).toEqual([]);
    expect(state.panes.size).toBe(10);
  });

  test('take only rows against the newest baseline', () => {
    const state = createWindowState();
    feed(state, 1, 0, 30, 0, '9');
    feed(state, 2, day, 20, 0, '10');
    const [due] = closeWindows(state, [monitor()], 7 * day);
    expect(due?.counts).toMatchObject({ baselineVersion: '10', rows: 20 });
  });

  test('late panes are refused', () => {
    const state = createWindowState();
    closeWindows(state, [monitor()], 7 * day);
    const [pane] = countPanes(dayOfRows(1, 0, 1, 0), () => reference);
    if (pane === undefined) throw new Error('no rows');
    expect(takePane(state, [monitor()], pane)).toBe('late');
    expect(takePane(state, [monitor({ allowedLatenessMs: 1 })], pane)).toBe('taken');
  });

  test('panes of a model without a monitor are kept for a month', () => {
    const state = createWindowState();
    feed(state, 1, 0, 5);
    closeWindows(state, [], 30 * day);
    expect(state.panes.size).toBe(5);
    closeWindows(state, [], 32 * day);
    expect(state.panes.size).toBe(0);
  });

  test.each([
    ['2', '10', -1],
    ['10', '10', 0],
    ['', '1', -1],
    ['a', 'b', -1],
    ['b', 'a', 1],
    ['a', '1', -1],
  ])('versions %s and %s', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});

test('at the end of time every window with rows is closed, and no other', () => {
  const state = createWindowState();
  feed(state, 1, 0, 10);
  feed(state, 2, 30 * day, 10);
  expect(closeWindows(state, [monitor({ carry: 0 })], Infinity).map(({ endMs }) => endMs / day)).toEqual([7, 35]);
  expect(state.panes.size).toBe(0);
});

test('the report does not depend on how the rows were batched or ordered', () => {
  const rows = Array.from({ length: 7 }, (_, i) => dayOfRows(i + 1, i * day, 200, 0.2)).flat();
  const evaluate = (batches: readonly (readonly (typeof rows)[number][])[]) => {
    const state = createWindowState();
    for (const batch of batches)
      for (const pane of countPanes(batch, () => reference)) takePane(state, [monitor()], pane);
    const [due] = closeWindows(state, [monitor()], 7 * day);
    return due === undefined ? null : evaluateWindow(due, reference, policyOf(due.monitor.spec));
  };
  const whole = evaluate([rows]);
  expect(whole).not.toBeNull();
  expect(evaluate([rows.filter((_, i) => i % 3 !== 0), rows.filter((_, i) => i % 3 === 0)])).toEqual(whole);
  expect(evaluate(rows.toReversed().map((row) => [row]))).toEqual(whole);
});
