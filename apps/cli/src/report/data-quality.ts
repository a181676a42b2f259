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
    holds: [...newest.values()]
      .sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
      .map(({ source, window, state, rules, fromMs, untilMs, accepted }) => ({
        ...{ source, window, rules, accepted, state: state.replace('HOLD_STATE_', '').toLowerCase() },
        from: time(fromMs),
        until: state === quality.HoldState.OPEN ? null : time(untilMs),
      })),
  };
}
