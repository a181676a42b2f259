import type { Cell } from './domain/field-value.ts';

/** Something that is read from its beginning to its end: a file, an object, or a table (which grows). Read in the order of the listing. */
export interface Part {
  /** Stable name, unique within the source. */
  readonly name: string;
  /** A cheap sign of the content: when it is the same, so is the content. Empty for a part that grows. */
  readonly hint: string;
  /** True for a table: its end is only the end for now. */
  readonly grows: boolean;
}

/** What was read: a row by columns, or something that cannot be read as one. `place` is for a person: `<part>:<line or row>`. */
export type Item =
  | { readonly kind: 'row'; readonly row: Readonly<Record<string, Cell>>; readonly place: string }
  | { readonly kind: 'unreadable'; readonly bytes: Buffer; readonly why: string; readonly place: string };

/** A run of items. At most a few thousand; a connector bounds their bytes. */
export interface Chunk {
  readonly items: readonly Item[];
  /** Where to go on after them; the connector's own text, kept with the records in one transaction. */
  readonly cursor: string;
}

/**
 * A batch source. Rows come in one order for ever: reading a part of the same version from the same cursor gives the same items.
 * Errors that pass (the store is away) are ServiceErrors of kind `retryable`; a part that cannot be read or is not the same any more
 * is EVL_INGEST_PART_UNUSABLE or EVL_INGEST_PART_CHANGED.
 */
export interface Connector {
  /** The parts that are there now, in order. */
  list(signal: AbortSignal): Promise<readonly Part[]>;
  /** What the part's content is: a digest or etag. Empty for a part that grows. */
  version(part: Part, signal: AbortSignal): Promise<string>;
  /** Items from a cursor on (empty: the beginning) to the end, or the end for now, of this version. */
  read(part: Part, version: string, cursor: string, signal: AbortSignal): AsyncIterable<Chunk>;
  close(): Promise<void>;
}

/** The time of day, milliseconds since 1970. */
export type Clock = () => number;
