/** Whose reading a change breaks: `backward`, of old records by the new revision; `forward`, of new records by the old one. */
export type Direction = 'backward' | 'forward';

/** One difference between two revisions of a Source. */
export interface SourceChange {
  /** Column, nested ones as `address.city` or `items[].sku`, or a property of the Source such as `unexpected`. */
  readonly path: string;
  /** Top-level column that it is about; null when it is about the Source as a whole. */
  readonly column: string | null;
  /** What is different: `column`, `type`, `required`, `min`, … */
  readonly what: string;
  /** As text; `none` where there is none. */
  readonly before: string;
  readonly after: string;
  readonly breaks: readonly Direction[];
}

/** A change without its place. */
export type Difference = Omit<SourceChange, 'path' | 'column'>;
