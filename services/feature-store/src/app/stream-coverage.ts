import type { Bus } from '@everloop/kafka';
import { pause } from '@everloop/service';

import type { Topology, TopicWork } from '../domain/topology.ts';
import { errors } from '../errors.ts';
import type { OnlineRows } from '../ports.ts';

export interface StreamCoverageOptions {
  readonly bus: Pick<Bus, 'offsets' | 'readRanges'>;
  readonly rows: Pick<OnlineRows, 'position'>;
  readonly topology: () => Topology;
  /** Longest wait for records that are not in the online rows yet, milliseconds. */
  readonly waitMs: number;
}

/** Pause between two looks at the stored positions, milliseconds. */
const lookMs = 50;
/** Offsets after a position that are read to learn whether they are records: marks of transactions and of time take offsets too. */
const readMax = 10_000;

/** A partition, and the offset that its rows must have reached. */
interface Open {
  readonly work: TopicWork;
  readonly partition: number;
  /** End of the topic when it was asked. */
  readonly high: number;
  /** Offset after its last record; null while that is too far away to look. */
  until: number | null;
}

/**
 * Resolves when everything that the topics of these views held at the call is in the online rows, whichever replica writes them;
 * EVL_FEATURES_STREAM_BEHIND when that takes longer than `waitMs`.
 */
export function createStreamCoverage(options: StreamCoverageOptions): (views: readonly string[]) => Promise<void> {
  const { bus, rows, topology, waitMs } = options;

  async function begin(views: readonly string[]): Promise<Open[]> {
    const open: Open[] = [];
    for (const work of topology().work.values()) {
      if (!work.views.some(({ name }) => views.includes(name))) continue;
      for (const { partition, low, high } of await bus.offsets(work.topic))
        if (high > low) open.push({ work, partition, high: Number(high), until: null });
    }
    return open;
  }

  /** Offset after the last record in a range; its beginning when there is none. */
  async function lastRecord(topic: string, partition: number, from: number, until: number): Promise<number> {
    let last = from;
    const range = { topic, partition, from: BigInt(from), until: BigInt(until) };
    await bus.readRanges([range], ({ records }) => {
      for (const { offset } of records) last = Math.max(last, Number(offset) + 1);
    });
    return last;
  }

  /** The position of the rows while they lack something; null when they hold all of it. */
  async function lacking(each: Open): Promise<number | null> {
    const { work, partition, high } = each;
    const { nextOffset } = await rows.position(work.topic, partition, work.fingerprint);
    if (nextOffset >= (each.until ?? high)) return null;
    if (each.until === null && high - nextOffset <= readMax)
      each.until = await lastRecord(work.topic, partition, nextOffset, high);
    return each.until !== null && nextOffset >= each.until ? null : nextOffset;
  }

  return async (views) => {
    const endsAt = performance.now() + waitMs;
    for (const each of await begin(views)) {
      for (;;) {
        const position = await lacking(each);
        if (position === null) break;
        if (performance.now() >= endsAt)
          throw errors.streamBehind(each.work.topic, each.partition, position, each.until ?? each.high);
        await pause(lookMs);
      }
    }
  };
}
