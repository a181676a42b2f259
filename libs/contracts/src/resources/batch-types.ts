/** Where the rows of a batch source are: files in a folder or bucket, or a table. */
export type BatchKind = 'parquet' | 'csv' | 's3' | 'postgres';

/**
 * Rows that lie somewhere and are brought to the Source's topic, each once, like records of any other producer. Only fields of the
 * kind are set: `path` for parquet and csv; `connection`, `bucket`, `prefix` and `format` for s3; `connection`, `table` or `query`,
 * and `cursor` for postgres. Addresses and credentials are looked up by the connection's name in the environment of the ingest service.
 */
export interface BatchSpec {
  readonly kind: BatchKind;
  /** Folder under the service's root. */
  readonly path?: string;
  readonly connection?: string;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly format?: 'parquet' | 'csv';
  /** `table` or `schema.table`. */
  readonly table?: string;
  /** One SELECT; its result is read as a table. */
  readonly query?: string;
  /** Columns that order the rows for ever: together unique, never null, and never set to a value before one that was committed. */
  readonly cursor: readonly string[];
  /** Field of the Source → column that it is read from; a field that is not named here has a column of its own name. */
  readonly columns: Readonly<Record<string, string>>;
  /** Column with the time at which the row became known. */
  readonly createdTime?: string;
  /** Without `createdTime`: a row became known when it landed, or (an initial load) when its fact happened. */
  readonly known: 'landing' | 'event';
  /** Pause after everything was read before it is looked at again. */
  readonly everyMs: number;
  /** This is the Source's only writer: after everything was read, markers say that its newest event time has passed. */
  readonly markers: boolean;
}
