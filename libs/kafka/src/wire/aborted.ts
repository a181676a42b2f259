import type { BatchRecord } from './batch-read.ts';

/** A transaction that was given up, as the broker lists it beside fetched records. */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** Version and kind of a marker that gives a transaction up: both zero (Kafka, `ControlRecordType.ABORT`). */
const abortKind = 0;

/**
 * The data of committed transactions, and what was written without one, in the order of the log. The broker lists transactions in the order in
 * which they ended, so with several producers not in that of their first offsets; and several may have begun before the first record
 * that was fetched. O(records + transactions × log transactions).
 */
export function committedRecords(
  records: readonly BatchRecord[],
  aborted: readonly AbortedTransaction[],
): readonly BatchRecord[] {
  const waiting = aborted
    .map(({ producerId, firstOffset }) => ({ producerId: BigInt(producerId), firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? 1 : a.firstOffset > b.firstOffset ? -1 : 0));
  const open = new Set<bigint>();
  return records.filter(({ context, position, key }) => {
    for (let next = waiting.at(-1); next !== undefined && next.firstOffset <= position; next = waiting.at(-1)) {
      open.add(next.producerId);
      waiting.pop();
    }
    if (context.isControl) {
      if (key !== null && key.length >= 4 && key.readInt16BE(2) === abortKind) open.delete(context.producerId);
      return false;
    }
    return !(context.inTransaction && open.has(context.producerId));
  });
}
