/** How far one partition has come. Changed in place. */
export interface PartitionClock {
  /** Newest event time, null before the first. */
  eventMs: number | null;
  /** Kafka timestamps: of the first batch, and the newest. */
  readonly firstKafkaMs: number;
  kafkaMs: number;
  /** Records without an event time that came before any with one. */
  waiting: number;
}

export interface ClockQuestion {
  readonly partitions: number;
  readonly allowedLatenessMs: number;
  /** A partition is idle when others have been written for so long since it was. */
  readonly idleMs: number;
}

/**
 * Event time that has passed by the event times alone, for topics without watermark markers: the newest event time of each partition, of
 * these the smallest, less the allowed lateness; null while unknown. Partitions that are idle are left out; one that was never written
 * is waited for as long as one that fell silent. Everything comes from the log, so a restart gives the same.
 */
export function eventClock(clocks: ReadonlyMap<number, PartitionClock>, question: ClockQuestion): number | null {
  const { partitions, allowedLatenessMs, idleMs } = question;
  const known = [...clocks.values()];
  const nowMs = Math.max(...known.map(({ kafkaMs }) => kafkaMs));
  const firstMs = Math.min(...known.map(({ firstKafkaMs }) => firstKafkaMs));
  if (clocks.size < partitions && nowMs - firstMs <= idleMs) return null;
  let smallest: number | null = null;
  for (const { eventMs, kafkaMs } of known) {
    if (nowMs - kafkaMs > idleMs) continue;
    if (eventMs === null) return null;
    smallest = smallest === null ? eventMs : Math.min(smallest, eventMs);
  }
  return smallest === null ? null : smallest - allowedLatenessMs;
}
