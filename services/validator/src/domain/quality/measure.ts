import { hashText } from '@everloop/stats';
import { logQuantile, repeatedShare, unknownShare } from '@everloop/stats';
import type { WindowRule } from '@everloop/contracts';
import type { KnownValues } from './baseline.ts';
import { keyName } from './plan.ts';
import { textOf, type WindowSums } from './sums.ts';

/** A measured value. */
export interface Measured {
  /** Null when there is nothing to measure. */
  readonly value: number | null;
  /** Records that it was measured on. */
  readonly rows: number;
  /** Smallest difference that means something: what sampling or the sketch moves the value by, around `median`. */
  readonly noise: (median: number) => number;
  /** What to show beside the value. */
  readonly note: string;
}

export interface MeasureInput {
  readonly sums: WindowSums;
  readonly endMs: number;
  readonly everyMs: number;
  /** Newest event time of a valid record in this window or before, null before the first. */
  readonly newestMs: number | null;
  /** For `unseen` without a reference. */
  readonly known: KnownValues | undefined;
}

/** Unknown values that a report names. */
const namedMax = 5;

/** Measures one rule on one column (empty for whole records). */
export function measure(rule: WindowRule, column: string, input: MeasureInput, shareNoise: ShareNoise): Measured {
  const { sums, endMs, everyMs, newestMs } = input;
  const valid = sums.rows - sums.quarantined;
  const all = sums.rows + sums.unplaced;
  const stats = sums.columns.get(column);
  const share = (value: number | null, rows: number, note = ''): Measured => ({
    ...{ value, rows, note, noise: (median) => shareNoise(median, rows) },
  });
  const number = (value: number | null | undefined): Measured => ({
    ...{ value: value ?? null, rows: stats?.present ?? 0, note: '' },
    // The histogram's own error is 1 %.
    noise: (median) => Math.max(0.01 * Math.abs(median), 1e-9),
  });
  switch (rule.check) {
    case 'rows':
      return { value: valid, rows: valid, note: '', noise: (median) => Math.sqrt(Math.max(1, median)) };
    case 'freshness': {
      const value = newestMs === null ? null : Math.max(0, endMs - newestMs) / 1_000;
      return { value, rows: valid, note: '', noise: () => everyMs / 100_000 };
    }
    case 'quarantined':
      return share(all === 0 ? null : (sums.quarantined + sums.unplaced) / all, all);
    case 'missing':
      return share(sums.rows === 0 ? null : (stats?.missing ?? 0) / sums.rows, sums.rows);
    case 'duplicates': {
      const key = sums.keys.get(keyName(rule.columns));
      return share(key === undefined || key.rows === 0 ? null : repeatedShare(key.counts.state()), key?.rows ?? 0);
    }
    case 'unseen':
      return unseen(rule, input, column, share);
    case 'quantile':
      return number(stats === undefined ? null : logQuantile(stats.bins, rule.quantile ?? 0.5));
    case 'minimum':
      return number(stats?.min);
    case 'maximum':
      return number(stats?.max);
  }
}

/** Standard error of a share of some rows. */
export type ShareNoise = (share: number, rows: number) => number;

function unseen(
  rule: WindowRule,
  { sums, known }: MeasureInput,
  column: string,
  share: (value: number | null, rows: number, note?: string) => Measured,
): Measured {
  const stats = sums.columns.get(column);
  if (stats === undefined || stats.present === 0) return share(null, 0);
  const reference = rule.reference === undefined ? known : new Set(rule.reference.map((v) => hashText(textOf(v))));
  if (reference === undefined) return share(null, stats.present);
  const state = stats.values.state();
  const names = state.values
    .filter(({ hash }) => !reference.has(hash))
    .sort((a, b) => b.count - a.count || a.hash - b.hash);
  const shown = names.slice(0, namedMax).map(({ text }) => JSON.stringify(text));
  const more = names.length > namedMax ? ` and ${names.length - namedMax} more` : '';
  return share(unknownShare(state, reference), stats.present, shown.length === 0 ? '' : `: ${shown.join(', ')}${more}`);
}
