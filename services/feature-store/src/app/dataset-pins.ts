import type { PinnedRange } from '../domain/compaction-plan.ts';
import type { DatasetCatalog, Datasets } from '../ports.ts';

/** Most snapshots that are looked at; tagged ones are few. */
const entriesMax = 10_000;

/** The ranges of a topic's records that tagged datasets name, by partition: with them the same rows can be made again. */
export async function datasetPins(
  catalog: Pick<DatasetCatalog, 'list'>,
  datasets: Pick<Datasets, 'manifest'>,
  topic: string,
): Promise<(partition: number) => readonly PinnedRange[]> {
  const byPartition = new Map<number, PinnedRange[]>();
  for (const { id, tags } of catalog.list('', entriesMax)) {
    const [tag] = tags;
    if (tag === undefined) continue;
    for (const range of (await datasets.manifest(id)).offsets) {
      if (range.topic !== topic) continue;
      const ranges = byPartition.get(range.partition) ?? [];
      ranges.push({ start: range.start, end: range.end, dataset: tag });
      byPartition.set(range.partition, ranges);
    }
  }
  return (partition) => byPartition.get(partition) ?? [];
}
