/** What a window rule measures. All but `rows` and `freshness` need `minRows` records. */
export type WindowCheck =
  /** Valid records in the window. */
  | 'rows'
  /** Share of decoded records without a value in the column, 0 to 1. */
  | 'missing'
  /** Seconds from the newest event time of a valid record to the end of the window. */
  | 'freshness'
  /** Share of values that are neither in `reference` nor, without one, in the windows of the baseline, 0 to 1. */
  | 'unseen'
  /** The `quantile` of a numeric column, relative error at most 1 %. */
  | 'quantile'
  | 'minimum'
  | 'maximum'
  /** Share of records whose values in the columns had come before in the window, 0 to 1. */
  | 'duplicates'
  /** Share of quarantined records, 0 to 1. */
  | 'quarantined';

/** A rule on one window: fixed limits, limits from the trailing baseline, or both; the tighter counts. */
export interface WindowRule {
  readonly name: string;
  readonly check: WindowCheck;
  /** `missing`, `unseen`, `quantile`, `minimum`, `maximum`: each column by itself. `duplicates`: all of them together. */
  readonly columns: readonly string[];
  /** For `quantile`, between 0 and 1. */
  readonly quantile?: number;
  /** For `unseen`: the values that are known. */
  readonly reference?: readonly (string | number)[];
  readonly min?: number;
  readonly max?: number;
  /** For `freshness`, milliseconds; the same as `max` in seconds. */
  readonly maxGapMs?: number;
  /** Farthest from the trailing median, in robust standard deviations. */
  readonly spike?: number;
  /** Most, as a multiple of the trailing median. */
  readonly rise?: number;
  /** Least, as a multiple of the trailing median. */
  readonly fall?: number;
  /** What a breach does: keep the data from training, or only say so. */
  readonly severity: 'hold' | 'warn';
}

/** Tumbling windows of event time over a Source, aligned to 1970-01-01T00:00Z, and what they must look like. */
export interface WindowSpec {
  readonly name: string;
  readonly everyMs: number;
  /**
   * What closes a window: `markers` alone (whoever writes the topic also writes watermark markers), or also the event times
   * themselves, less the allowed lateness.
   */
  readonly closedBy: 'events' | 'markers';
  /** Fewest records to judge shares and distributions. */
  readonly minRows: number;
  readonly baseline: {
    /** Windows that it looks back over, held ones left out. */
    readonly windows: number;
    /** Fewest of them to judge by. */
    readonly atLeast: number;
    /** Only windows a multiple of this earlier, for what has a day or a week in it; absent: the last ones. */
    readonly seasonMs?: number;
  };
  /** Good windows in a row that close a hold. */
  readonly closeAfter: number;
  readonly rules: readonly WindowRule[];
}
