import { decodeAggregate, encodeAggregate } from './aggregate-codec.ts';
import { readAggregates, type ViewReading } from './aggregate-read.ts';
import { applyToAggregate, newAggregateState, type AggregateState } from './aggregate-row.ts';
import {
  applyToColumns,
  decodeColumns,
  encodeColumns,
  newColumnState,
  readColumns,
  type ColumnState,
} from './column-row.ts';
import type { CompiledView, ViewEvent } from './views.ts';

/** An online row while its writer holds it: what one source partition says about one entity of one view. */
export type RowState = AggregateState | ColumnState;

export function newRow(view: CompiledView): RowState {
  return view.kind === 'aggregate' ? newAggregateState() : newColumnState();
}

/** Adds an event to a row in place; false when the row held its offset already. Amortised O(1) for events that come in order. */
export function applyEvent(view: CompiledView, row: RowState, event: ViewEvent): boolean {
  return row.kind === 'aggregate' ? applyToAggregate(view, row, event) : applyToColumns(view, row, event);
}

/** The row's bytes; each row type states its layout. */
export function encodeRow(view: CompiledView, row: RowState): Buffer {
  return row.kind === 'aggregate' ? encodeAggregate(view, row) : encodeColumns(view, row);
}

/** The row that was encoded; null when the bytes belong to another definition of the view and must not be used. */
export function decodeRow(view: CompiledView, bytes: Buffer): RowState | null {
  return view.kind === 'aggregate' ? decodeAggregate(view, bytes) : decodeColumns(view, bytes);
}

/**
 * What a view says about an entity as of `asOfMs`, from the entity's rows in order of the source's partitions. `wanted`: indexes
 * of the features to compute.
 */
export function readView(
  view: CompiledView,
  rows: readonly (Buffer | null)[],
  asOfMs: number,
  wanted: readonly number[],
): ViewReading {
  return view.kind === 'aggregate'
    ? readAggregates(view, rows, asOfMs, wanted)
    : readColumns(view, rows, asOfMs, wanted);
}
