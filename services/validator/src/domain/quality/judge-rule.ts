import { quality, type WindowRule, type WindowSpec } from '@everloop/contracts';
import { shareError } from '@everloop/stats';
import type { Series } from './baseline.ts';
import { limitsOf, type Limits } from './limits.ts';
import { measure, type Measured, type MeasureInput } from './measure.ts';

export interface RuleInput extends MeasureInput {
  readonly window: WindowSpec;
  readonly startMs: number;
  /** Values of the rule in earlier windows, by column. */
  readonly series: (column: string) => Series | undefined;
  /** The stream began in this window: it is not whole. */
  readonly isFirst: boolean;
}

/** The columns that a rule is judged on one by one; one empty name for whole records. */
export function seriesColumns({ check, columns }: WindowRule): readonly string[] {
  if (check === 'duplicates') return [columns.join(',')];
  return columns.length === 0 ? [''] : columns;
}

export interface JudgedRule {
  readonly result: quality.RuleResult;
  /** Whether later windows may look back on the value. */
  readonly counts: boolean;
}

/** Judges one rule on one column: pass, fail, or insufficient, with the value, limits and baseline whatever the verdict is. */
export function judgeRule(rule: WindowRule, column: string, input: RuleInput): JudgedRule {
  const { window, startMs } = input;
  const measured = measure(rule, column, input, shareError);
  const earlier = input.series(column)?.baseline(window, startMs) ?? [];
  const limits = limitsOf(rule, earlier, window.baseline.atLeast, measured.noise);
  const unfit = unfitness(rule, measured, input);
  const lack = unfit ?? waiting(limits, window);
  const isBroken =
    measured.value !== null &&
    ((limits.lower !== null && measured.value < limits.lower) ||
      (limits.upper !== null && measured.value > limits.upper));
  const verdict = lack !== null ? quality.Verdict.INSUFFICIENT : isBroken ? quality.Verdict.FAIL : quality.Verdict.PASS;
  const result: quality.RuleResult = {
    ...{ rule: rule.name, check: rule.check, column, severity: rule.severity },
    value: measured.value ?? undefined,
    lower: limits.lower ?? undefined,
    upper: limits.upper ?? undefined,
    baseline: limits.baseline?.median,
    spread: limits.baseline?.spread,
    baselineWindows: limits.windows,
    verdict,
    detail: describe(rule, column, measured, limits, lack),
  };
  return { result, counts: unfit === null };
}

/** Why the value means nothing, or null. */
function unfitness(rule: WindowRule, measured: Measured, input: RuleInput): string | null {
  const { window, known } = input;
  const { check } = rule;
  if (check === 'rows' && input.isFirst) return 'the stream began in this window';
  if (check !== 'rows' && check !== 'freshness' && measured.rows < window.minRows)
    return `${measured.rows} rows, at least ${window.minRows} are needed`;
  if (measured.value === null) return 'nothing to measure';
  if (check === 'unseen' && rule.reference === undefined && (known?.windows ?? 0) < window.baseline.atLeast)
    return tooFew(known?.windows ?? 0, window);
  return null;
}

/** Why there is no limit yet, or null. */
function waiting({ isWaiting, lower, upper, windows }: Limits, window: WindowSpec): string | null {
  return isWaiting && lower === null && upper === null ? tooFew(windows, window) : null;
}

function tooFew(windows: number, window: WindowSpec): string {
  return `${windows} windows to look back on, at least ${window.baseline.atLeast} are needed`;
}

function describe(rule: WindowRule, column: string, measured: Measured, limits: Limits, lack: string | null): string {
  const what = `${rule.check}${rule.quantile === undefined ? '' : ` ${rule.quantile}`}${column === '' ? '' : ` of ${column}`}`;
  if (lack !== null) return `${what}: ${lack}`;
  const bounds = [
    ...(limits.lower === null ? [] : [`at least ${shown(limits.lower)}`]),
    ...(limits.upper === null ? [] : [`at most ${shown(limits.upper)}`]),
  ];
  const back = limits.baseline === null ? '' : `; trailing median ${shown(limits.baseline.median)}`;
  return `${what} is ${shown(measured.value ?? 0)}${measured.note}, allowed: ${bounds.join(', ') || 'anything'}${back}`;
}

/** At most 6 digits that mean something. */
function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}
