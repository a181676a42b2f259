import { quality } from '@everloop/contracts';
import type { DataQuality } from './types.ts';

const time = (ms: number): string => new Date(ms).toISOString();

/** Judged windows and holds, added up. An event that was written twice counts once. */
export function dataQuality(reports: readonly quality.WindowReport[], holds: readonly quality.Hold[]): DataQuality {
  const windows = [...new Map(reports.map((report) => [report.id, report])).values()];
  const newest = new Map(holds.map((hold) => [hold.id, hold]));
  return {
    windows: windows.length,
    failed: windows.filter(({ verdict }) => verdict === quality.Verdict.FAIL).length,
    unexpected: unexpectedColumns(windows),
    holds: [...newest.values()]
      .sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
      .map(({ source, window, state, rules, fromMs, untilMs, accepted }) => ({
        ...{ source, window, rules, accepted, state: state.replace('HOLD_STATE_', '').toLowerCase() },
        from: time(fromMs),
        until: state === quality.HoldState.OPEN ? null : time(untilMs),
      })),
  };
}

/** Records by column, ascending; several window definitions of a Source count the same records, so the one with most says it. */
function unexpectedColumns(windows: readonly quality.WindowReport[]): DataQuality['unexpected'] {
  const found = new Map<
    string,
    { readonly source: string; readonly column: string; readonly byWindow: Map<string, number> }
  >();
  for (const { source, window, unexpected } of windows) {
    for (const { column, rows } of unexpected) {
      const key = `${source}/${column}`;
      const known = found.get(key) ?? { source, column, byWindow: new Map<string, number>() };
      found.set(key, known);
      known.byWindow.set(window, (known.byWindow.get(window) ?? 0) + rows);
    }
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { source, column, byWindow }]) => ({ source, column, rows: Math.max(...byWindow.values()) }));
}
