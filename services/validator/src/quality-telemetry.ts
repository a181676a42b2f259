import { quality } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';

/** Facts of the judging of windows. */
export interface QualityTelemetry {
  /** Not new: judged before a restart, and judged again from the log. */
  windowJudged(report: quality.WindowReport, told: { readonly isNew: boolean }): void;
  holdChanged(hold: quality.Hold): void;
  holdOpen(source: string, window: string, isOpen: boolean): void;
  /** Records whose window was judged already, or lies too far ahead. */
  late(source: string, rows: number): void;
  /** Newest event time of a valid record, epoch milliseconds. */
  newest(source: string, timeMs: number | null): void;
  /** A record of the quality topic that is none of ours. */
  unreadable(source: string, offset: string): void;
}

const verdicts: Readonly<Record<string, string>> = {
  [quality.Verdict.PASS]: 'pass',
  [quality.Verdict.FAIL]: 'fail',
  [quality.Verdict.INSUFFICIENT]: 'insufficient',
};

/** Labels come from the Sources: at most 200 rules times columns in each. */
export function createQualityTelemetry(logger: Logger, metrics: Metrics): QualityTelemetry {
  const windowRule = ['source', 'window', 'rule', 'column'];
  const values = metrics.gauge(
    'everloop_validator_window_value',
    'Value of a rule in the last judged window',
    windowRule,
  );
  const failed = metrics.gauge(
    'everloop_validator_window_rule_failed',
    '1 while the rule failed in the last judged window',
    windowRule,
  );
  const open = metrics.gauge('everloop_validator_hold_open', '1 while a hold is open: the data does not train', [
    'source',
    'window',
  ]);
  const end = metrics.gauge('everloop_validator_window_end_timestamp_seconds', 'Event time of the last judged window', [
    'source',
    'window',
  ]);
  const newest = metrics.gauge(
    'everloop_validator_newest_event_timestamp_seconds',
    'Newest event time of a valid record',
    ['source'],
  );
  const windows = metrics.counter('everloop_validator_windows_total', 'Judged windows', [
    'source',
    'window',
    'verdict',
  ]);
  const holds = metrics.counter('everloop_validator_holds_total', 'Changes of holds', ['source', 'state']);
  const late = metrics.counter('everloop_validator_late_rows_total', 'Records too late for their window', ['source']);
  return {
    windowJudged(report, { isNew }) {
      const { source, window, results } = report;
      const verdict = verdicts[report.verdict] ?? 'unknown';
      end.set({ source, window }, report.endMs / 1_000);
      for (const { rule, column, value, verdict: each } of results) {
        const labels = { source, window, rule, column };
        if (value === undefined) values.remove(labels);
        else values.set(labels, value);
        failed.set(labels, each === quality.Verdict.FAIL ? 1 : 0);
      }
      if (!isNew) return;
      windows.inc({ source, window, verdict });
      if (verdict !== 'fail') return;
      const details = results.filter((each) => each.verdict === quality.Verdict.FAIL).map(({ detail }) => detail);
      const range = [report.startMs, report.endMs].map((ms) => new Date(ms).toISOString());
      logger.warn({ source, window, range, rows: report.rows, details }, 'a window is not as it must be');
    },
    holdChanged({ id, source, window, state, rules, reason, fromMs, by, accepted }) {
      const shown = state.replace('HOLD_STATE_', '').toLowerCase();
      holds.inc({ source, state: shown });
      const from = new Date(fromMs).toISOString();
      logger.warn({ hold: id, source, window, state: shown, rules, reason, from, by, accepted }, 'hold changed');
    },
    holdOpen: (source, window, isOpen) => open.set({ source, window }, isOpen ? 1 : 0),
    late: (source, rows) => late.inc({ source }, rows),
    newest(source, timeMs) {
      if (timeMs !== null) newest.set({ source }, timeMs / 1_000);
    },
    unreadable: (source, offset) =>
      logger.error({ source, offset }, 'a record of the quality topic is none of ours and is passed over'),
  };
}
