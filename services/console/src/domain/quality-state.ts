import { quality } from '@everloop/contracts';

/** Windows of one definition that are kept for the history of a value. */
const reportsMax = 60;
/** Ended holds that are kept. */
const endedMax = 20;

/** Judged windows and holds, newest last. */
export interface QualityState {
  readonly windows: readonly {
    readonly source: string;
    readonly window: string;
    readonly reports: readonly quality.WindowReport[];
  }[];
  readonly holds: readonly quality.Hold[];
}

export const emptyQuality: QualityState = { windows: [], holds: [] };

export function qualityWithReport(state: QualityState, report: quality.WindowReport): QualityState {
  const { source, window } = report;
  const known = state.windows.find((each) => each.source === source && each.window === window);
  const reports = [...(known?.reports ?? []).filter(({ id }) => id !== report.id), report].slice(-reportsMax);
  const next = { source, window, reports };
  const windows =
    known === undefined
      ? [...state.windows, next].sort((a, b) => (`${a.source}/${a.window}` < `${b.source}/${b.window}` ? -1 : 1))
      : state.windows.map((each) => (each === known ? next : each));
  return { ...state, windows };
}

export function qualityWithHold(state: QualityState, hold: quality.Hold): QualityState {
  const all = [...state.holds.filter(({ id }) => id !== hold.id), hold];
  const ended = all.filter(({ state: each }) => each !== quality.HoldState.OPEN).slice(-endedMax);
  return { ...state, holds: all.filter((each) => each.state === quality.HoldState.OPEN || ended.includes(each)) };
}

/** A hold as a line of the log. */
export function holdText({ state, window, rules, reason, accepted, by }: quality.Hold): string {
  const what = `${window}: ${rules.join(', ')}`;
  switch (state) {
    case quality.HoldState.OPEN:
      return `hold opened on ${what}; ${reason}`;
    case quality.HoldState.CLOSED:
      return `hold closed on ${what}; ${reason}`;
    case quality.HoldState.RELEASED:
      return `hold released by ${by === '' ? 'somebody' : by} on ${what}${accepted ? ', data accepted' : ''}; ${reason}`;
    case quality.HoldState.UNSPECIFIED:
      return `hold on ${what}`;
  }
}

/** What the page shows of it. */
export interface PageQuality {
  /** Open ones first, then the ended ones, newest first. */
  readonly holds: readonly {
    readonly id: string;
    readonly source: string;
    readonly window: string;
    readonly state: string;
    readonly rules: readonly string[];
    readonly fromMs: number;
    /** Null while it is open. */
    readonly untilMs: number | null;
    readonly reason: string;
  }[];
  readonly windows: readonly {
    readonly source: string;
    readonly window: string;
    readonly startMs: number;
    readonly endMs: number;
    readonly rows: number;
    readonly quarantined: number;
    readonly verdict: string;
    /** Columns that came and that the Source does not list, with the records that have them. */
    readonly unexpected: readonly { readonly column: string; readonly rows: number }[];
    readonly rules: readonly PageRule[];
  }[];
}

export interface PageRule {
  readonly rule: string;
  readonly column: string;
  readonly check: string;
  readonly value: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly verdict: string;
  readonly detail: string;
  /** Values in the windows until this one, oldest first; null where there was none. */
  readonly history: readonly (number | null)[];
}

export function pageQuality({ windows, holds }: QualityState): PageQuality {
  const isOpen = (hold: quality.Hold): boolean => hold.state === quality.HoldState.OPEN;
  return {
    holds: [...holds.filter(isOpen), ...holds.filter((hold) => !isOpen(hold)).reverse()].map((hold) => ({
      ...{ id: hold.id, source: hold.source, window: hold.window, rules: hold.rules, fromMs: hold.fromMs },
      state: shown(hold.state, 'HOLD_STATE_') + (hold.accepted ? ', accepted' : ''),
      untilMs: isOpen(hold) ? null : hold.untilMs,
      reason: hold.reason,
    })),
    windows: windows.flatMap(({ source, window, reports }) => {
      const last = reports.at(-1);
      if (last === undefined) return [];
      const { startMs, endMs, rows, quarantined, results, unexpected } = last;
      const rules = results.map((result) => pageRule(result, reports));
      const verdict = shown(last.verdict, 'VERDICT_');
      return [{ source, window, startMs, endMs, rows, quarantined, verdict, unexpected, rules }];
    }),
  };
}

function pageRule(result: quality.RuleResult, reports: readonly quality.WindowReport[]): PageRule {
  const { rule, column, check, value, lower, upper, verdict, detail } = result;
  const same = (each: quality.RuleResult): boolean => each.rule === rule && each.column === column;
  return {
    ...{ rule, column, check, detail, verdict: shown(verdict, 'VERDICT_') },
    ...{ value: value ?? null, lower: lower ?? null, upper: upper ?? null },
    history: reports.map(({ results }) => results.find(same)?.value ?? null),
  };
}

function shown(name: string, prefix: string): string {
  return name.replace(prefix, '').toLowerCase();
}
