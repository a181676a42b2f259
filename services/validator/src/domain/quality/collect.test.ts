import type { WindowSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';

import { PaneCollector } from './collect.ts';
import { WindowSums } from './sums.ts';

const hourMs = 3_600_000;
const windows = [
  { name: 'hourly', everyMs: hourMs, closeAfter: 1, baseline: { windows: 1, minWindows: 1 }, rules: [] },
] as unknown as readonly WindowSpec[];

describe('columns that a Source does not list', () => {
  const record = (timeMs: number, unexpected: readonly string[] | null) => ({
    ...{ offset: 1n, timestampMs: timeMs, isValid: true, record: {}, timeMs, unexpected },
  });

  it('are counted in the window of their record, array elements as one column, a record once', () => {
    const collector = new PaneCollector(0, 1, windows);
    collector.add(record(5, ['items[0].sku', 'items[7].sku', 'gust']));
    collector.add(record(6, ['gust']));
    collector.add(record(7, null));
    collector.add(record(hourMs, ['later']));
    const panes = collector.finish()?.panes ?? [];
    expect(panes.map(({ rows, unexpected }) => [rows, unexpected])).toEqual([
      [
        3,
        [
          { column: 'gust', rows: 2 },
          { column: 'items[].sku', rows: 1 },
        ],
      ],
      [1, [{ column: 'later', rows: 1 }]],
    ]);
    const sums = new WindowSums();
    for (const pane of [...panes, ...panes]) sums.merge(pane);
    expect(sums.unexpected.toWire()).toEqual([
      { column: 'gust', rows: 4 },
      { column: 'items[].sku', rows: 2 },
      { column: 'later', rows: 2 },
    ]);
  });
});
