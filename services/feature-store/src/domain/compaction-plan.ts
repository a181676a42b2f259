/** What the plans look at of a Parquet file: rows, offsets (inclusive) and event times, epoch milliseconds. */
interface PlannedFile {
  readonly file: string;
  readonly rows: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly maxTimeMs: number;
}

export interface CompactionLimits {
  /** Rows of an ordinary small file: those of the smallest level. */
  readonly smallRows: number;
  /** A merged file has at most about so many rows. */
  readonly targetRows: number;
  /** So many neighbours of a level become one file of the next; so each row is written again at most log_fan(target / small) times. */
  readonly fan: number;
}

function levelOf(rows: number, { smallRows, fan }: CompactionLimits): number {
  return Math.max(0, Math.round(Math.log(Math.max(1, rows) / smallRows) / Math.log(fan)));
}

/**
 * The next files to merge: neighbours in the order of offsets, of the lowest level that has `fan` of them side by side; null when there
 * is nothing to do. O(files × levels).
 */
export function mergePlan<T extends PlannedFile>(files: readonly T[], limits: CompactionLimits): readonly T[] | null {
  const levelMax = levelOf(limits.targetRows, limits);
  for (let level = 0; level < levelMax; level += 1) {
    let run: T[] = [];
    let rows = 0;
    for (const file of files) {
      const fits = levelOf(file.rows, limits) <= level && rows + file.rows <= limits.targetRows;
      if (!fits) {
        run = [];
        rows = 0;
        if (levelOf(file.rows, limits) > level) continue;
      }
      run.push(file);
      rows += file.rows;
      // A large file is not written again for a few small ones: the result is at least twice its largest part.
      if (run.length >= limits.fan && rows >= 2 * Math.max(...run.map((part) => part.rows))) return run;
    }
  }
  return null;
}

/** A range of offsets of a topic partition that a dataset names; `end` is one past the last. */
export interface PinnedRange {
  readonly start: number;
  readonly end: number;
  /** Who needs it. */
  readonly dataset: string;
}

/**
 * The files that may go: every event in them is older than `boundMs`, and no pinned range touches them. `kept` are those that only a
 * pin keeps, with the dataset that needs them.
 */
export function expiryPlan<T extends PlannedFile>(
  files: readonly T[],
  boundMs: number,
  pins: readonly PinnedRange[],
): { readonly expired: readonly T[]; readonly kept: readonly { readonly file: T; readonly dataset: string }[] } {
  const expired: T[] = [];
  const kept: { file: T; dataset: string }[] = [];
  for (const file of files) {
    if (file.maxTimeMs >= boundMs) continue;
    const pin = pins.find(({ start, end }) => start <= file.lastOffset && file.firstOffset < end);
    if (pin === undefined) expired.push(file);
    else kept.push({ file, dataset: pin.dataset });
  }
  return { expired, kept };
}
