import { features } from '@everloop/contracts';

import { ColumnCursor } from './column-row.ts';
import type { Mget } from './lookup.ts';
import { addRowKeys, type KeyOrigin, type LookupPlan, type PlannedInput, type PlannedView } from './plan.ts';
import { readView } from './row.ts';
import { numberTag, readValue, skipValue } from './value-codec.ts';
import { asScalar, entityKey, type FeatureScalar } from './values.ts';
import type { CompiledView } from './views.ts';

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

/** Columns of `rows` values, NaN or null and NOT_FOUND, in one piece of memory: first all numbers, then all statuses. */
class Columns {
  readonly all: readonly Values[];
  readonly numbers: Float64Array;
  readonly statuses: Uint8Array;
  /** By column, where its values begin in `numbers`; -1 for text. Its statuses begin at its index times `rows`. */
  readonly numberAt: Int32Array;

  constructor(types: readonly ('number' | 'string')[], rows: number) {
    const numberColumns = types.filter((type) => type === 'number').length;
    const memory = new ArrayBuffer((8 * numberColumns + types.length) * rows);
    const statusesAt = 8 * numberColumns * rows;
    const numbers = new Float64Array(memory, 0, numberColumns * rows).fill(Number.NaN);
    const statuses = new Uint8Array(memory, statusesAt).fill(statusCode.notFound);
    const numberAt = new Int32Array(types.length).fill(-1);
    let used = 0;
    this.all = types.map((type, index) => {
      const isNumber = type === 'number';
      if (isNumber) {
        numberAt[index] = used;
        used += rows;
      }
      return {
        numbers: isNumber ? new Float64Array(memory, 8 * (used - rows), rows) : null,
        texts: isNumber ? null : new Array<string | null>(rows).fill(null),
        statuses: new Uint8Array(memory, statusesAt + index * rows, rows),
      };
    });
    this.numbers = numbers;
    this.statuses = statuses;
    this.numberAt = numberAt;
  }
}

/** What was found for one binding: a column per wanted feature, and the event times. */
class BindingColumns {
  readonly planned: PlannedView;
  readonly eventMs: Float64Array;
  readonly #rows: number;
  /** Parallel to `planned.wanted`. */
  readonly #columns: Columns;
  readonly #cursor = new ColumnCursor();

  constructor(planned: PlannedView, rows: number) {
    const { view, wanted } = planned;
    this.planned = planned;
    this.eventMs = new Float64Array(rows).fill(Number.NaN);
    this.#rows = rows;
    this.#columns = new Columns(
      wanted.map((index) => view.features[index]?.type ?? 'number'),
      rows,
    );
  }

  /** The column of a feature of the view; undefined when nobody wants it. */
  column(feature: number): Values | undefined {
    return this.#columns.all[this.planned.wanted.indexOf(feature)];
  }

  /** Writes what the stored rows of one row's entity say: those from `first` on, as many as `rowsPerEntity`. */
  read(row: number, asOfMs: number, stored: readonly (Buffer | null)[], first: number): void {
    if (this.planned.view.kind === 'columns') this.#readColumns(row, asOfMs, stored, first);
    else this.#readAggregates(row, asOfMs, stored, first);
  }

  /** From the bytes to the columns, without a value in between. */
  #readColumns(row: number, asOfMs: number, stored: readonly (Buffer | null)[], first: number): void {
    const { view, wanted } = this.planned;
    const cursor = this.#cursor;
    cursor.begin();
    for (let index = first; index < first + rowsPerEntity(view); index++) {
      const bytes = stored[index] ?? null;
      if (bytes !== null && !cursor.look(view, bytes, asOfMs)) return;
    }
    if (!cursor.found) return;
    this.eventMs[row] = cursor.newestMs;
    if (asOfMs - cursor.newestMs > view.ttlMs) {
      this.#putOld(row);
      return;
    }
    const { numbers, statuses, numberAt, all } = this.#columns;
    const rows = this.#rows;
    const { data } = cursor;
    let { at } = cursor;
    let feature = 0;
    for (let index = 0; index < wanted.length; index++) {
      for (const next = wanted[index] ?? 0; feature < next; feature++) at = skipValue(data, at);
      const to = numberAt[index] ?? -1;
      // Inlined for numbers: this is where the time goes.
      if (to >= 0 && data.getUint8(at) === numberTag) {
        numbers[to + row] = data.getFloat64(at + 1, true);
        statuses[index * rows + row] = statusCode.present;
      } else {
        const column = all[index];
        if (column !== undefined) putValue(column, row, readValue(data, at));
      }
    }
  }

  #readAggregates(row: number, asOfMs: number, stored: readonly (Buffer | null)[], first: number): void {
    const { view, wanted } = this.planned;
    const reading = readView(view, stored.slice(first, first + rowsPerEntity(view)), asOfMs, wanted);
    if (!reading.found) return;
    this.eventMs[row] = reading.newestMs;
    if (asOfMs - reading.newestMs > view.ttlMs) {
      this.#putOld(row);
      return;
    }
    this.#columns.all.forEach((column, index) => {
      putValue(column, row, asScalar(reading.values[wanted[index] ?? 0] ?? null));
    });
  }

  #putOld(row: number): void {
    for (const column of this.#columns.all) column.statuses[row] = statusCode.outsideMaxAge;
  }
}

function putValue(column: Values, row: number, value: FeatureScalar): void {
  column.statuses[row] = value === null ? statusCode.nullValue : statusCode.present;
  if (typeof value === 'number' && column.numbers !== null) column.numbers[row] = value;
  else if (typeof value === 'string' && column.texts !== null) column.texts[row] = value;
}

/** How many rows an entity has in the store: one, or one for each source partition. */
function rowsPerEntity(view: CompiledView): number {
  return view.keyIndex < 0 ? view.partitions : 1;
}

/** Collects the keys of one read, those of an entity once and one after the other. */
class KeyList {
  readonly keys: string[] = [];
  /** By view and entity, index of its first key. */
  readonly #firsts = new Map<string, Map<string, number>>();

  /** By row, the index of its entity's first key; -1 where a part of the entity's key is missing. `parts`: columns of the key's parts. */
  add(view: CompiledView, parts: readonly (readonly FeatureScalar[])[], rows: number): Int32Array {
    const firsts = this.#firsts.get(view.name) ?? new Map<string, number>();
    this.#firsts.set(view.name, firsts);
    const [only] = parts.length === 1 ? parts : [];
    const at = new Int32Array(rows).fill(-1);
    for (let row = 0; row < rows; row++) {
      const value = only === undefined ? entityKey(parts.map((part) => part[row])) : (only[row] ?? null);
      if (value === null) continue;
      const key = typeof value === 'string' ? value : String(value);
      let first = firsts.get(key);
      if (first === undefined) {
        first = this.keys.length;
        firsts.set(key, first);
        addRowKeys(view, key, only === undefined ? String(parts[view.keyIndex]?.[row]) : key, this.keys);
      }
      at[row] = first;
    }
    return at;
  }
}

/** Reads one phase: the keys of all its bindings and rows in one `mget`. */
async function readPhase(
  phase: readonly number[],
  question: BatchQuestion,
  found: readonly BindingColumns[],
  mget: Mget,
): Promise<void> {
  const list = new KeyList();
  const reads: { readonly into: BindingColumns; readonly at: Int32Array }[] = [];
  for (const binding of phase) {
    const into = found[binding];
    if (into === undefined) continue;
    const { view, keys } = into.planned;
    const parts = keys.map((key) => valuesOf(key, question, found));
    reads.push({ into, at: list.add(view, parts, question.rows) });
  }
  if (list.keys.length === 0) return;
  const stored = await mget(list.keys);
  for (const { into, at } of reads) {
    at.forEach((first, row) => {
      if (first >= 0) into.read(row, question.asOfMs, stored, first);
    });
  }
}

/** [rows] of a request field or a view's feature, null where it is not PRESENT; a request field that nobody gave is empty. */
function valuesOf(
  origin: KeyOrigin,
  question: BatchQuestion,
  found: readonly BindingColumns[],
): readonly FeatureScalar[] {
  if (origin.kind === 'request') return question.fields.get(origin.field) ?? [];
  const column = found[origin.binding]?.column(origin.feature);
  if (column === undefined) return [];
  const { numbers, texts, statuses } = column;
  return (
    texts ?? Array.from(statuses, (status, row) => (status === statusCode.present ? (numbers?.[row] ?? null) : null))
  );
}

function emptyColumn(type: 'number' | 'string', rows: number): Values {
  const [column] = new Columns([type], rows).all;
  return column ?? { numbers: null, texts: null, statuses: new Uint8Array(rows) };
}

function named(name: string, view: number, { numbers, texts, statuses }: Values): BatchColumn {
  return { name, view, numbers, texts, statuses };
}

function inputColumn(input: PlannedInput, question: BatchQuestion, found: readonly BindingColumns[]): BatchColumn {
  const { name, origin } = input;
  if (origin.kind === 'view') {
    const column = found[origin.binding]?.column(origin.feature) ?? emptyColumn('number', question.rows);
    return named(name, origin.binding, column);
  }
  if (origin.kind === 'onDemand') {
    const column = emptyColumn(origin.feature.type, question.rows);
    const from = origin.from.map((each) => valuesOf(each, question, found));
    for (let row = 0; row < question.rows; row++) {
      const values = from.map((each) => each[row] ?? null);
      putValue(column, row, origin.feature.evaluate(values));
    }
    return named(name, -1, column);
  }
  const column = emptyColumn(input.type === 'number' ? 'number' : 'string', question.rows);
  const values = valuesOf(origin, question, found);
  for (let row = 0; row < question.rows; row++) putValue(column, row, values[row] ?? null);
  return named(name, -1, column);
}

/**
 * Looks up many entities as of one moment, with one `mget` per phase (one, or two where a key comes from another view). The values are
 * those of `lookupMany`; columns instead of rows, because that is read and sent in a fraction of the time.
 */
export async function lookupBatch(plan: LookupPlan, question: BatchQuestion, mget: Mget): Promise<BatchAnswer> {
  const found = plan.bindings.map((planned) => new BindingColumns(planned, question.rows));
  for (const phase of plan.phases) await readPhase(phase, question, found, mget);
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
