import { hash } from 'node:crypto';

/** Part of a dataset that a row belongs to; `unused` rows are outside of all ranges of time. */
export type SplitPart = 'train' | 'timeHoldout' | 'fixedHoldout' | 'unused';

/** Event times `fromMs` <= t < `untilMs`, epoch milliseconds UTC. */
export interface TimeRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How a training job divides its rows. Recipe and trainer divide by the same function, so they cannot disagree. */
export interface SplitSpec {
  readonly train: TimeRange;
  /** The newest rows, kept from training: what the version would have met next. */
  readonly timeHoldout: TimeRange;
  /** Share of all rows, by hash of the join key, that no training ever sees. Percent, 0 to 100. */
  readonly fixedHoldoutPercent: number;
  readonly fixedHoldoutSalt: string;
}

const hashSteps = 2 ** 32;

/**
 * Whether a row belongs to the fixed holdout: the first 32 bits of SHA-256(salt, NUL, join key), as a share of 2^32, lie below the
 * percentage. Depends on nothing else, so a row is in the holdout of every training or of none.
 *
 * @example
 * inFixedHoldout('2013-01-01.UA.1545.EWR', 10, 'flights') // → false
 */
export function inFixedHoldout(joinKey: string, percent: number, salt: string): boolean {
  const digest = hash('sha256', `${salt}\0${joinKey}`, 'buffer');
  return (digest.readUInt32BE(0) / hashSteps) * 100 < percent;
}

/**
 * Part of a row. The fixed holdout comes first: it takes its rows from both ranges of time, so that they are never trained on.
 *
 * @example
 * splitOf({ joinKey: 'a', timeMs: 5 }, { train: { fromMs: 0, untilMs: 10 }, timeHoldout: { fromMs: 10, untilMs: 20 },
 *   fixedHoldoutPercent: 0, fixedHoldoutSalt: '' }) // → 'train'
 */
export function splitOf(row: { readonly joinKey: string; readonly timeMs: number }, split: SplitSpec): SplitPart {
  const isTrain = isIn(row.timeMs, split.train);
  const isRecent = isIn(row.timeMs, split.timeHoldout);
  if (!isTrain && !isRecent) return 'unused';
  if (inFixedHoldout(row.joinKey, split.fixedHoldoutPercent, split.fixedHoldoutSalt)) return 'fixedHoldout';
  return isRecent ? 'timeHoldout' : 'train';
}

function isIn(timeMs: number, range: TimeRange): boolean {
  return range.fromMs <= timeMs && timeMs < range.untilMs;
}
