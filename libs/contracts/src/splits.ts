import { hash } from 'node:crypto';
import type { ModelSpec } from './resources/types.ts';

/**
 * Part of a dataset that a row belongs to. `validation` and `test` exist only where the Model says how to split (`training.split`);
 * `unused` rows are outside of all ranges of time, or too close to a cut.
 */
export type SplitPart = 'train' | 'validation' | 'test' | 'timeHoldout' | 'fixedHoldout' | 'unused';

export const splitParts: readonly SplitPart[] = [
  'train',
  'validation',
  'test',
  'timeHoldout',
  'fixedHoldout',
  'unused',
];

/** Event times `fromMs` <= t < `untilMs`, epoch milliseconds UTC. */
export interface TimeRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How the rows before the time holdout are divided further. */
export type InnerSplit =
  | {
      readonly by: 'time';
      /** Rows of the train range from here on validate. */
      readonly validationFromMs: number;
      /** Rows that lie less than this before `validationFromMs`, or before the time holdout, are unused, milliseconds. */
      readonly gapMs: number;
    }
  | {
      readonly by: 'group' | 'entity';
      /** Field of the examples whose value is hashed; null: the join key. */
      readonly column: string | null;
      readonly salt: string;
      /** Shares of the hashed units, percent. */
      readonly validationPercent: number;
      readonly testPercent: number;
      /** True: the time holdout keeps only units that neither train nor validate; its other rows are unused. */
      readonly strict: boolean;
    };

/** How a training job divides its rows. Feature store, recipe and trainer divide by the same function, so they cannot disagree. */
export interface SplitSpec {
  readonly train: TimeRange;
  /** The newest rows, kept from training: what the version would have met next. */
  readonly timeHoldout: TimeRange;
  /** Share of all rows, by hash of the unit (join key or group), that no training ever sees. Percent, 0 to 100. */
  readonly fixedHoldoutPercent: number;
  readonly fixedHoldoutSalt: string;
  /** Absent: the recipe chooses its validation rows itself, out of train. */
  readonly inner?: InnerSplit;
}

/** What decides the part of a row. */
export interface SplitRow {
  readonly joinKey: string;
  readonly timeMs: number;
  /** Value of the split's column as text; null or absent where there is none: the row is then a group of its own. */
  readonly group?: string | null;
}

const hashSteps = 2 ** 32;

/** Share of 100 of the first 32 bits of SHA-256(salt, NUL, unit). */
function hashPercent(unit: string, salt: string): number {
  return (hash('sha256', `${salt}\0${unit}`, 'buffer').readUInt32BE(0) / hashSteps) * 100;
}

/**
 * Whether a row belongs to the fixed holdout: the first 32 bits of SHA-256(salt, NUL, join key), as a share of 2^32, lie below the
 * percentage. Depends on nothing else, so a row is in the holdout of every training or of none.
 *
 * @example
 * inFixedHoldout('2013-01-01.UA.1545.EWR', 10, 'flights') // → false
 */
export function inFixedHoldout(joinKey: string, percent: number, salt: string): boolean {
  return hashPercent(joinKey, salt) < percent;
}

/** What is hashed of a row: the value of the split's column, or the join key. */
export function splitUnit(row: SplitRow, split: SplitSpec): string {
  const { inner } = split;
  if (inner === undefined || inner.by === 'time' || inner.column === null) return row.joinKey;
  return row.group ?? row.joinKey;
}

/**
 * Part of a row. The fixed holdout comes first: it takes its rows from both ranges of time, so that they are never trained on. With a
 * split by group or entity the fixed holdout takes whole units too.
 *
 * @example
 * splitOf({ joinKey: 'a', timeMs: 5 }, { train: { fromMs: 0, untilMs: 10 }, timeHoldout: { fromMs: 10, untilMs: 20 },
 *   fixedHoldoutPercent: 0, fixedHoldoutSalt: '' }) // → 'train'
 */
export function splitOf(row: SplitRow, split: SplitSpec): SplitPart {
  const isTrain = isIn(row.timeMs, split.train);
  const isRecent = isIn(row.timeMs, split.timeHoldout);
  if (!isTrain && !isRecent) return 'unused';
  const unit = splitUnit(row, split);
  if (inFixedHoldout(unit, split.fixedHoldoutPercent, split.fixedHoldoutSalt)) return 'fixedHoldout';
  const { inner } = split;
  if (inner === undefined) return isRecent ? 'timeHoldout' : 'train';
  return inner.by === 'time' ? byTime(row.timeMs, isRecent, split, inner) : byHash(unit, isRecent, inner);
}

function byTime(
  timeMs: number,
  isRecent: boolean,
  split: SplitSpec,
  inner: Extract<InnerSplit, { by: 'time' }>,
): SplitPart {
  if (isRecent) return 'timeHoldout';
  const isBeforeCut = (cutMs: number): boolean => timeMs < cutMs && timeMs >= cutMs - inner.gapMs;
  if (isBeforeCut(inner.validationFromMs) || isBeforeCut(split.timeHoldout.fromMs)) return 'unused';
  return timeMs >= inner.validationFromMs ? 'validation' : 'train';
}

function byHash(unit: string, isRecent: boolean, inner: Exclude<InnerSplit, { by: 'time' }>): SplitPart {
  const share = hashPercent(unit, inner.salt);
  if (isRecent) return inner.strict && share >= inner.testPercent ? 'unused' : 'timeHoldout';
  if (share < inner.testPercent) return 'test';
  return share < inner.testPercent + inner.validationPercent ? 'validation' : 'train';
}

function isIn(timeMs: number, range: TimeRange): boolean {
  return range.fromMs <= timeMs && timeMs < range.untilMs;
}

/** Field of the examples that a Model's split hashes; null where it hashes the join key or cuts by time. */
export function splitColumn(training: ModelSpec['training']): string | null {
  const { split } = training;
  return split === undefined || split.by === 'time' ? null : (split.column ?? null);
}

/**
 * How the rows before `timeMs` are divided. The newest `timeHoldoutMs` of prediction times are the time holdout. Its end is cut off by the
 * longest wait for a label, at most by half of it: labels of the newest rows have come only where they come early, and a holdout of
 * quick labels is not what the model will meet.
 */
export function planSplit(training: ModelSpec['training'], labelWaitMs: number, timeMs: number): SplitSpec {
  const holdoutFromMs = timeMs - training.timeHoldoutMs;
  const train = { fromMs: timeMs - training.windowMs, untilMs: holdoutFromMs };
  return {
    train,
    timeHoldout: {
      fromMs: holdoutFromMs,
      untilMs: timeMs - Math.min(labelWaitMs, Math.floor(training.timeHoldoutMs / 2)),
    },
    fixedHoldoutPercent: training.fixedHoldoutPercent,
    fixedHoldoutSalt: training.fixedHoldoutSalt,
    ...(training.split === undefined ? {} : { inner: innerSplit(training.split, train) }),
  };
}

function innerSplit(split: NonNullable<ModelSpec['training']['split']>, train: TimeRange): InnerSplit {
  const { by, validationPercent, testPercent, salt, gapMs, strict } = split;
  if (by === 'time') {
    const validationMs = Math.round(((train.untilMs - train.fromMs) * validationPercent) / 100);
    return { by, validationFromMs: train.untilMs - validationMs, gapMs };
  }
  return { by, column: split.column ?? null, salt, validationPercent, testPercent, strict };
}
