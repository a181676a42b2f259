import type { BusRecord, OffsetRange } from './bus.ts';
import type { Fetched, RecordReader } from './reader.ts';

/**
 * Reads ranges of partitions to their ends, markers included, and gives what comes to `onFetched`, in offset order for each
 * partition. Rejects on the first error, and when `signal` is aborted; nothing is repeated.
 */
export async function readRanges(
  reader: RecordReader,
  ranges: readonly OffsetRange[],
  onFetched: (fetched: Fetched) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const open = new Map(
    ranges.filter((r) => r.from < r.until).map((r) => [`${r.topic}/${r.partition}`, { ...r, position: r.from }]),
  );
  while (open.size > 0) {
    signal?.throwIfAborted();
    for (const fetched of await reader.fetch([...open.values()])) {
      const key = `${fetched.topic}/${fetched.partition}`;
      const range = open.get(key);
      if (range === undefined || fetched.from !== range.position) continue;
      const records = within(fetched.records, range.until);
      if (records.length > 0) await onFetched({ ...fetched, records });
      range.position = fetched.nextOffset;
      if (range.position >= range.until) open.delete(key);
    }
  }
}

function within(records: readonly BusRecord[], until: bigint): readonly BusRecord[] {
  const last = records.at(-1);
  return last === undefined || last.offset < until ? records : records.filter((r) => r.offset < until);
}
