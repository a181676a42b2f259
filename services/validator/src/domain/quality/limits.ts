import type { WindowCheck, WindowRule } from '@everloop/contracts';
import { robustBaseline } from '@everloop/stats';

/** What may move in both directions; of everything else more is worse. */
const twoSided = new Set<WindowCheck>(['rows', 'quantile', 'minimum', 'maximum']);

/** Limits in force for one value, of fixed and trailing ones the tighter. */
export interface Limits {
  readonly lower: number | null;
  readonly upper: number | null;
  /** Null when there are too few windows to look back on, or no rule looks back. */
  readonly baseline: { readonly median: number; readonly spread: number } | null;
  readonly windows: number;
  /** Whether a trailing limit was asked for and could not be given. */
  readonly isWaiting: boolean;
}

/**
 * Limits of a rule: `min`, `max` and `maxGap` as they are; from the trailing median m with scaled median absolute deviation s: at most
 * m × rise, at least m × fall (both only above 0), and within spike × max(s, noise) of m, upwards only for shares and gaps.
 */
export function limitsOf(
  rule: WindowRule,
  earlier: readonly number[],
  atLeast: number,
  noise: (median: number) => number,
): Limits {
  const { check, min, max, maxGapMs, spike, rise, fall } = rule;
  const looksBack = spike !== undefined || rise !== undefined || fall !== undefined;
  const baseline = looksBack && earlier.length >= atLeast ? robustBaseline(earlier) : null;
  const lowers = [min];
  const uppers = [max, maxGapMs === undefined ? undefined : maxGapMs / 1_000];
  if (baseline !== null) {
    const { median, spread } = baseline;
    if (spike !== undefined) {
      const far = spike * Math.max(spread, noise(median));
      uppers.push(median + far);
      if (twoSided.has(check)) lowers.push(median - far);
    }
    if (median > 0) {
      uppers.push(rise === undefined ? undefined : median * rise);
      lowers.push(fall === undefined ? undefined : median * fall);
    }
  }
  return {
    lower: pick(lowers, Math.max),
    upper: pick(uppers, Math.min),
    baseline,
    windows: earlier.length,
    isWaiting: looksBack && baseline === null,
  };
}

function pick(values: readonly (number | undefined)[], choose: (...values: number[]) => number): number | null {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? null : choose(...given);
}
