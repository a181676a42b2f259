import type { WindowRule, WindowSpec } from '@everloop/contracts';

/** What is counted of one column. */
export interface ColumnPlan {
  readonly column: string;
  /** Smallest and largest value and a histogram. */
  readonly isMeasured: boolean;
  /** How often each value came. */
  readonly isCounted: boolean;
}

/** What is counted of each record, for one definition of windows. */
export interface WindowPlan {
  readonly name: string;
  readonly everyMs: number;
  readonly columns: readonly ColumnPlan[];
  /** Combinations of columns whose repeats are counted. */
  readonly keys: readonly (readonly string[])[];
}

const measured = new Set<WindowRule['check']>(['quantile', 'minimum', 'maximum']);

/** What the rules of a definition need, each column once. */
export function planWindow({ name, everyMs, rules }: WindowSpec): WindowPlan {
  const columns = new Map<string, ColumnPlan>();
  const keys = new Map<string, readonly string[]>();
  for (const { check, columns: names } of rules) {
    if (check === 'duplicates') keys.set(keyName(names), names);
    else
      for (const column of names) {
        const known = columns.get(column);
        columns.set(column, {
          column,
          isMeasured: known?.isMeasured === true || measured.has(check),
          isCounted: known?.isCounted === true || check === 'unseen',
        });
      }
  }
  return { name, everyMs, columns: [...columns.values()], keys: [...keys.values()] };
}

/** Name of a combination of columns. */
export function keyName(columns: readonly string[]): string {
  return columns.join(',');
}

/** Start of the window that an event time lies in; windows are aligned to 1970-01-01T00:00Z. */
export function windowStartMs(everyMs: number, timeMs: number): number {
  return Math.floor(timeMs / everyMs) * everyMs;
}
