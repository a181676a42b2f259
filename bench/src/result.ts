/** One comparison; `ratio` is ours / limit of the median rounds. */
export interface BenchResult {
  readonly bench: string;
  readonly ours: number;
  readonly limit: number;
  readonly ratio: number;
  readonly unit: string;
  /** What the limit is, and every round of both. */
  readonly detail: Readonly<Record<string, unknown>>;
}
