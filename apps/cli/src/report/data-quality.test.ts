import { quality } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { dataQuality } from './data-quality.ts';

const { OPEN, CLOSED } = quality.HoldState;

describe('dataQuality', () => {
  it('counts windows once and keeps the newest state of each hold, by start', () => {
    const { PASS, FAIL } = quality.Verdict;
    const reports = [
      ['a', PASS],
      ['b', FAIL],
      ['b', FAIL],
    ] as const;
    const hold = { source: 's', window: 'w', rules: ['r'] };
    const found = dataQuality(
      reports.map(([id, verdict]) => quality.WindowReport.fromPartial({ id, verdict })),
      [
        quality.Hold.fromPartial({ ...hold, id: 'h', state: OPEN, fromMs: 5 }),
        quality.Hold.fromPartial({ ...hold, id: 'g', state: OPEN, fromMs: 1 }),
        quality.Hold.fromPartial({ ...hold, id: 'h', state: CLOSED, fromMs: 5, untilMs: 9 }),
      ],
    );
    expect(found).toMatchObject({ windows: 2, failed: 1 });
    expect(found.unexpected).toEqual([]);
    expect(found.holds.map(({ state, from, until }) => [state, from.slice(17), until?.slice(17)])).toEqual([
      ['open', '00.001Z', undefined],
      ['closed', '00.005Z', '00.009Z'],
    ]);
  });

  it('adds up columns that are not listed, and counts a record once that lies in windows of two definitions', () => {
    const reports = [
      ['a', 's', 'hour', [['x', 2]]],
      [
        'b',
        's',
        'hour',
        [
          ['x', 3],
          ['a', 1],
        ],
      ],
      ['c', 's', 'day', [['x', 4]]],
      ['d', 'r', 'hour', [['x', 9]]],
    ] as const;
    const { unexpected } = dataQuality(
      reports.map(([id, source, window, columns]) =>
        quality.WindowReport.fromPartial({
          ...{ id, source, window },
          unexpected: columns.map(([column, rows]) => ({ column, rows })),
        }),
      ),
      [],
    );
    expect(unexpected).toEqual([
      { source: 'r', column: 'x', rows: 9 },
      { source: 's', column: 'a', rows: 1 },
      { source: 's', column: 'x', rows: 5 },
    ]);
  });
});
