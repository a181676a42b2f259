import { quality } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { emptyLoop, withHold, withWindowReport } from './loop-state.ts';
import { toPage } from './page-state.ts';

const { OPEN, CLOSED, RELEASED } = quality.HoldState;
const hold = (id: string, state: quality.HoldState, over: Partial<quality.Hold> = {}): quality.Hold =>
  quality.Hold.fromPartial({ ...{ id, state, source: 's', window: 'w', rules: ['r/x'], reason: 'why' }, ...over });
const report = (startMs: number, value: number | undefined, source = 's') =>
  quality.WindowReport.fromPartial({
    ...{
      id: `${source}${startMs}`,
      source,
      window: 'w',
      startMs,
      endMs: startMs + 10,
      rows: 7,
      verdict: quality.Verdict.FAIL,
    },
    unexpected: [{ column: 'extra', rows: 3 }],
    results: [
      { rule: 'r', column: 'x', check: 'missing', value, upper: 0.5, verdict: quality.Verdict.FAIL, detail: 'd' },
    ],
  });

describe('quality of data', () => {
  it('shows the last window of each Source with its values until now, a repeated report once', () => {
    const reports = [report(0, 0.1), report(10, undefined), report(20, 0.9), report(20, 0.9), report(5, 0.2, 'a')];
    const page = toPage(reports.reduce(withWindowReport, emptyLoop)).quality;
    expect(page.windows.map(({ source }) => source)).toEqual(['a', 's']);
    expect(page.windows[1]).toMatchObject({
      startMs: 20,
      rows: 7,
      verdict: 'fail',
      unexpected: [{ column: 'extra', rows: 3 }],
    });
    expect(page.windows[1]?.rules).toEqual([
      {
        ...{
          rule: 'r',
          column: 'x',
          check: 'missing',
          value: 0.9,
          lower: null,
          upper: 0.5,
          verdict: 'fail',
          detail: 'd',
        },
        history: [0.1, null, 0.9],
      },
    ]);
  });

  it('shows open holds first, and every change in the log', () => {
    const changes = [
      hold('a', OPEN, { openedAtMs: 5 }),
      hold('a', CLOSED, { openedAtMs: 5, closedAtMs: 9, untilMs: 7 }),
      hold('b', OPEN, { openedAtMs: 20 }),
      hold('c', RELEASED, { by: 'kim', accepted: true, closedAtMs: 30 }),
    ];
    const page = toPage(changes.reduce(withHold, emptyLoop));
    expect(page.quality.holds.map(({ id, state, untilMs }) => [id, state, untilMs])).toEqual([
      ['b', 'open', null],
      ['c', 'released, accepted', 0],
      ['a', 'closed', 7],
    ]);
    expect(page.log.map(({ eventTimeMs, text }) => `${eventTimeMs} ${text}`)).toEqual([
      '30 hold released by kim on w: r/x, data accepted; why',
      '20 hold opened on w: r/x; why',
      '9 hold closed on w: r/x; why',
      '5 hold opened on w: r/x; why',
    ]);
  });

  it('keeps a bounded number of ended holds', () => {
    const many = Array.from({ length: 30 }, (_, i) => hold(`h${i}`, CLOSED)).reduce(withHold, emptyLoop);
    expect(toPage(withHold(many, hold('o', OPEN))).quality.holds).toHaveLength(21);
  });
});
