import type { AppliedSpan } from '../domain/applied-timeline.ts';
import type { Topology } from '../domain/topology.ts';
import type { OnlineRows } from '../ports.ts';

/** Looks how far records are applied to the online rows of all views, as the store says that every replica shares. */
export async function lookAtApplied(
  rows: Pick<OnlineRows, 'position'>,
  { work }: Topology,
  now: () => number,
): Promise<AppliedSpan> {
  const untilMs = now();
  const [floor, ceiling] = [new Map<string, readonly number[]>(), new Map<string, readonly number[]>()];
  await Promise.all(
    [...work.values()].map(async ({ topic, table, fingerprint, views }) => {
      if (views.length === 0) return;
      const positions = await Promise.all(
        Array.from({ length: table.partitions }, (_, partition) => rows.position(topic, partition, fingerprint)),
      );
      const offsets = positions.map(({ buckets }) => buckets.map(({ nextOffset }) => nextOffset));
      floor.set(
        topic,
        offsets.map((buckets) => Math.min(...buckets)),
      );
      ceiling.set(
        topic,
        offsets.map((buckets) => Math.max(...buckets)),
      );
    }),
  );
  return { untilMs, fromMs: now(), floor, ceiling };
}
