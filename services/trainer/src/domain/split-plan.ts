import { splitOf, type ModelSpec, type SplitSpec } from '@everloop/contracts';

/**
 * How the rows before `timeMs` are divided. The newest `timeHoldoutMs` of prediction times are the time holdout. Its end is cut off by the
 * longest wait for a label, at most by half of it: labels of the newest rows have come only where they come early, and a holdout of
 * quick labels is not what the model will meet.
 */
export function planSplit(training: ModelSpec['training'], labelWaitMs: number, timeMs: number): SplitSpec {
  const holdoutFromMs = timeMs - training.timeHoldoutMs;
  return {
    train: { fromMs: timeMs - training.windowMs, untilMs: holdoutFromMs },
    timeHoldout: {
      fromMs: holdoutFromMs,
      untilMs: timeMs - Math.min(labelWaitMs, Math.floor(training.timeHoldoutMs / 2)),
    },
    fixedHoldoutPercent: training.fixedHoldoutPercent,
    fixedHoldoutSalt: training.fixedHoldoutSalt,
  };
}

/** What is known about the training of a champion. */
export interface ChampionTraining {
  /** Its split; null when the version does not say. */
  readonly split: SplitSpec | null;
  /** It was trained on data before this time at the latest. */
  readonly eventTimeMs: number;
}

/**
 * Whether the champion has never trained on a row. Champion and challenger are compared only on rows that neither of them trained
 * on: the time holdout normally lies after everything the champion saw, and the fixed holdout is the same for all versions of one salt, but
 * a Model may have changed its split in between.
 */
export function isUnseenBy(
  champion: ChampionTraining,
  row: { readonly joinKey: string; readonly timeMs: number },
): boolean {
  if (champion.split === null) return row.timeMs >= champion.eventTimeMs;
  return splitOf(row, champion.split) !== 'train';
}
