import { splitOf, type SplitRow, type SplitSpec } from '@everloop/contracts';

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
 * a Model may have changed its split in between. `groupColumn` is what the row's group is of: where the champion hashed another column its
 * share cannot be known, and every row of its time counts as seen.
 */
export function isUnseenBy(champion: ChampionTraining, row: SplitRow, groupColumn: string | null = null): boolean {
  const { split } = champion;
  if (split === null) return row.timeMs >= champion.eventTimeMs;
  const column = split.inner === undefined || split.inner.by === 'time' ? null : split.inner.column;
  if (column !== null && column !== groupColumn) return row.timeMs >= split.train.untilMs;
  const part = splitOf(row, split);
  return part !== 'train' && part !== 'validation';
}
