import { features } from '@everloop/contracts';

import { ColumnCursor } from './column-row.ts';
import type { Mget } from './lookup.ts';
import { rowKeys, type KeyOrigin, type LookupPlan, type PlannedInput, type PlannedView } from './plan.ts';
import { readView } from './row.ts';
import { numberTag, readValue, skipValue } from './value-codec.ts';
import { asScalar, type FeatureScalar } from './values.ts';

/** Entities to look up in columns: request fields by name, each as long as there are rows; absent fields are missing. */
export interface BatchQuestion {
  readonly rows: number;
  readonly fields: ReadonlyMap<string, readonly FeatureScalar[]>;
  /** Event time, epoch milliseconds, for all rows. */
  readonly asOfMs: number;
}

/** One input of the plan for all rows. */
export interface BatchColumn {
  readonly name: string;
  /** Index in `BatchAnswer.views`; -1 for a request field or an on-demand feature. */
  readonly view: number;
  /** [rows] float64 of a number, NaN where the status is not PRESENT; null for text. */
  readonly numbers: Float64Array | null;
  /** [rows] of text, null where the status is not PRESENT; null for numbers. */
  readonly texts: (string | null)[] | null;
  /** [rows] uint8, the numbers of `FeatureStatus` on the wire. */
  readonly statuses: Uint8Array;
}

/** One view that was read, for all rows. */
export interface BatchView {
  readonly name: string;
  /** [rows] float64: time of the newest event up to `asOfMs`, epoch milliseconds; NaN where there is none. */
  readonly eventMs: Float64Array;
}

export interface BatchAnswer {
  readonly asOfMs: number;
  readonly rows: number;
  readonly columns: readonly BatchColumn[];
  /** Parallel to the plan's bindings. */
  readonly views: readonly BatchView[];
}

const { FeatureStatus, featureStatusToNumber } = features;

/** The statuses as they go over the wire. */
export const statusCode = {
  present: featureStatusToNumber(FeatureStatus.PRESENT),
  nullValue: featureStatusToNumber(FeatureStatus.NULL_VALUE),
  notFound: featureStatusToNumber(FeatureStatus.NOT_FOUND),
  outsideMaxAge: featureStatusToNumber(FeatureStatus.OUTSIDE_MAX_AGE),
} as const;

type Values = Omit<BatchColumn, 'name' | 'view'>;

/** Columns of `rows` values, NaN or null and NOT_FOUND: one piece of memory for all numbers and one for all statuses. */
function emptyColumns(types: readonly ('number' | 'string')[], rows: number): Values[] {
  const numbers = new Float64Array(types.filter((type) => type === 'number').length * rows).fill(Number.NaN);
  const statuses = new Uint8Array(types.length * rows).fill(statusCode.notFound);
  let used = 0;
  return types.map((type, index) => {
    const isNumber = type === 'number';
    if (isNumber) used += rows;
    return {
      numbers: isNumber ? numbers.subarray(used - rows, used) : null,
      texts: isNumber ? null : new Array<string | null>(rows).fill(null),
      statuses: statuses.subarray(index * rows, (index + 1) * rows),
    };
  });
}

/** What was found for one binding: a column per wanted feature, and the event times. */
class BindingColumns {
  readonly planned: PlannedView;
  readonly eventMs: Float64Array;
  /** By feature of the view; undefined for those that nobody wants. */
  readonly columns: (Values | undefined)[];
  readonly #cursor = new ColumnCursor();

  constructor(planned: PlannedView, rows: number) {
    const { view, wanted } = planned;
    this.planned = planned;
    this.eventMs = new Float64Array(rows).fill(Number.NaN);
    this.columns = new Array<undefined>(view.features.length).fill(undefined);
    const empty = emptyColumns(
      wanted.map((index) => view.features[index]?.type ?? 'number'),
      rows,
    );
    wanted.forEach((feature, index) => (this.columns[feature] = empty[index]));
  }

  /** The value of a feature in a row; null where it is not PRESENT. */
  value(feature: number, row: number): FeatureScalar {
    const column = this.columns[feature];
    if (column?.statuses[row] !== statusCode.present) return null;
    return column.numbers === null ? (column.texts?.[row] ?? null) : (column.numbers[row] ?? null);
  }

  /** Writes what the stored rows of one row's entity say. */
  read(row: number, asOfMs: number, stored: readonly (Buffer | null)[]): void {
    if (this.planned.view.kind === 'columns') this.#readColumns(row, asOfMs, stored);
    else this.#readAggregates(row, asOfMs, stored);
  }

  /** From the bytes to the columns, without a value in between. */
  #readColumns(row: number, asOfMs: number, stored: readonly (Buffer | null)[]): void {
    const { view } = this.planned;
    const cursor = this.#cursor;
    cursor.begin();
    for (const bytes of stored) if (bytes !== null && !cursor.look(view, bytes, asOfMs)) return;
    if (!cursor.found) return;
    this.eventMs[row] = cursor.newestMs;
    if (asOfMs - cursor.newestMs > view.ttlMs) {
      this.#putOld(row);
      return;
    }
    const { data } = cursor;
    let { at } = cursor;
    for (const column of this.columns) {
      if (column !== undefined) {
        const { numbers } = column;
        // Inlined for numbers: this is where the time goes.
        if (numbers !== null && data.getUint8(at) === numberTag) {
          numbers[row] = data.getFloat64(at + 1, true);
          column.statuses[row] = statusCode.present;
        } else putValue(column, row, readValue(data, at));
      }
      at = skipValue(data, at);
    }
  }

  #readAggregates(row: number, asOfMs: number, stored: readonly (Buffer | null)[]): void {
    const { view, wanted } = this.planned;
    const reading = readView(view, stored, asOfMs, wanted);
    if (!reading.found) return;
    this.eventMs[row] = reading.newestMs;
    if (asOfMs - reading.newestMs > view.ttlMs) {
      this.#putOld(row);
      return;
    }
    for (const index of wanted) {
      const column = this.columns[index];
      if (column !== undefined) putValue(column, row, asScalar(reading.values[index] ?? null));
    }
  }

  #putOld(row: number): void {
    for (const column of this.columns) if (column !== undefined) column.statuses[row] = statusCode.outsideMaxAge;
  }
}

function putValue(column: Values, row: number, value: FeatureScalar): void {
  column.statuses[row] = value === null ? statusCode.nullValue : statusCode.present;
  if (typeof value === 'number' && column.numbers !== null) column.numbers[row] = value;
  else if (typeof value === 'string' && column.texts !== null) column.texts[row] = value;
}

/** Collects the keys of one read, each once. */
class KeyList {
  readonly keys: string[] = [];
  readonly #index = new Map<string, number>();

  add(key: string): number {
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    this.#index.set(key, this.keys.length);
    return this.keys.push(key) - 1;
  }
}

/** Reads one phase: the keys of all its bindings and rows in one `mget`. */
async function readPhase(
  plan: LookupPlan,
  phase: readonly number[],
  question: BatchQuestion,
  found: readonly BindingColumns[],
  mget: Mget,
): Promise<void> {
  const list = new KeyList();
  const reads: { readonly into: BindingColumns; readonly at: (readonly number[])[] }[] = [];
  for (const binding of phase) {
    const [planned, into] = [plan.bindings[binding], found[binding]];
    if (planned === undefined || into === undefined) continue;
    const at: (readonly number[])[] = [];
    for (let row = 0; row < question.rows; row++) {
      const keys = keysOf(planned, question, found, row);
      at.push(keys.map((name) => list.add(name)));
    }
    reads.push({ into, at });
  }
  if (list.keys.length === 0) return;
  const stored = await mget(list.keys);
  const rows: (Buffer | null)[] = [];
  for (const { into, at } of reads) {
    for (let row = 0; row < question.rows; row++) {
      rows.length = 0;
      for (const index of at[row] ?? []) rows.push(stored[index] ?? null);
      if (rows.length > 0) into.read(row, question.asOfMs, rows);
    }
  }
}

function keysOf(
  planned: PlannedView,
  question: BatchQuestion,
  found: readonly BindingColumns[],
  row: number,
): string[] {
  const [only] = planned.keys;
  if (only !== undefined && planned.keys.length === 1)
    return rowKeys(planned.view, valueAt(only, question, found, row));
  return rowKeys(planned.view, ...planned.keys.map((key) => valueAt(key, question, found, row)));
}

function valueAt(
  origin: KeyOrigin,
  question: BatchQuestion,
  found: readonly BindingColumns[],
  row: number,
): FeatureScalar {
  if (origin.kind === 'request') return question.fields.get(origin.field)?.[row] ?? null;
  return found[origin.binding]?.value(origin.feature, row) ?? null;
}

function emptyColumn(type: 'number' | 'string', rows: number): Values {
  const [column] = emptyColumns([type], rows);
  return column ?? { numbers: null, texts: null, statuses: new Uint8Array(rows) };
}

function inputColumn(input: PlannedInput, question: BatchQuestion, found: readonly BindingColumns[]): BatchColumn {
  const { name, origin } = input;
  if (origin.kind === 'view') {
    const column = found[origin.binding]?.columns[origin.feature] ?? emptyColumn('number', question.rows);
    return { name, view: origin.binding, ...column };
  }
  if (origin.kind === 'onDemand') {
    const column = emptyColumn(origin.feature.type, question.rows);
    for (let row = 0; row < question.rows; row++) {
      const values = origin.from.map((from) => valueAt(from, question, found, row));
      putValue(column, row, origin.feature.evaluate(values));
    }
    return { name, view: -1, ...column };
  }
  const column = emptyColumn(input.type === 'number' ? 'number' : 'string', question.rows);
  const values = question.fields.get(origin.field);
  for (let row = 0; row < question.rows; row++) putValue(column, row, values?.[row] ?? null);
  return { name, view: -1, ...column };
}

/**
 * Looks up many entities as of one moment, with one `mget` per phase (one, or two where a key comes from another view). The values are
 * those of `lookupMany`; columns instead of rows, because that is read and sent in a fraction of the time.
 */
export async function lookupBatch(plan: LookupPlan, question: BatchQuestion, mget: Mget): Promise<BatchAnswer> {
  const found = plan.bindings.map((planned) => new BindingColumns(planned, question.rows));
  for (const phase of plan.phases) await readPhase(plan, phase, question, found, mget);
  return {
    asOfMs: question.asOfMs,
    rows: question.rows,
    columns: plan.inputs.map((input) => inputColumn(input, question, found)),
    views: plan.bindings.map(({ view }, index) => ({
      name: view.name,
      eventMs: found[index]?.eventMs ?? new Float64Array(question.rows).fill(Number.NaN),
    })),
  };
}
