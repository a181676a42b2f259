import { validatorGroup, validTopic } from '@everloop/contracts';
import type { Bus, OffsetRange } from '@everloop/kafka';

import type { Topology } from '../domain/topology.ts';
import type { History } from '../ports.ts';

export interface ParityBarrierOptions {
  readonly bus: Pick<Bus, 'offsets' | 'committed' | 'readRanges'>;
  readonly history: Pick<History, 'landed'>;
  readonly topology: Topology;
  /** What is remembered from one barrier to the next. */
  readonly gaps: KnownGaps;
}

/** By topic and partition the newest range of offsets in which there is no record, so that a long one is read once. */
export type KnownGaps = Map<string, { readonly from: bigint; readonly until: bigint }>;

/** Waits for everything that was on its way at a moment. */
export interface ParityBarrier {
  /** Whether the history holds every record that was in a source topic when the barrier was made, or was refused by the validator. */
  isPassed(): Promise<boolean>;
}

interface End {
  readonly source: string;
  readonly topic: string;
  readonly partition: number;
  readonly low: bigint;
  readonly end: bigint;
}

/**
 * Offsets that are looked at at a time. Marks of transactions and markers of watermarks have offsets, too: behind the last record of a source that is
 * seldom written there are ever more of them.
 */
const pieceMax = 1_000n;

/**
 * A barrier for the sources of all models' views: what lies in their topics now must be judged by the validator (its committed offsets
 * say so), and what lies in the topics of valid records after that must be in the history.
 */
export async function createParityBarrier(options: ParityBarrierOptions): Promise<ParityBarrier> {
  const sources = sourcesOf(options.topology);
  let raw = await endsOf(options, sources, (topic) => topic);
  let valid: readonly End[] | null = null;
  return {
    async isPassed() {
      const judged = new Map<string, ReadonlyMap<number, bigint>>();
      for (const { source, topic } of raw)
        if (!judged.has(topic)) judged.set(topic, await options.bus.committed(validatorGroup(source), topic));
      raw = await left(options, raw, ({ topic, partition }) => judged.get(topic)?.get(partition));
      if (raw.length > 0) return false;
      valid = await left(options, valid ?? (await endsOf(options, sources, validTopic)), async ({ topic, partition }) =>
        BigInt(await options.history.landed(topic, partition)),
      );
      return valid.length === 0;
    },
  };
}

/** Topics of the sources that models' views read, by source. */
function sourcesOf({ catalog, models }: Topology): ReadonlyMap<string, string> {
  const views = new Set([...models.values()].flatMap((spec) => spec.views.map(({ view }) => view)));
  const names = [...views].flatMap((view) => catalog.views.get(view)?.source ?? []);
  return new Map(
    names
      .flatMap((name) => [[name, catalog.sources.get(name)?.topic ?? ''] as const])
      .filter(([, topic]) => topic !== ''),
  );
}

async function endsOf(
  { bus }: ParityBarrierOptions,
  sources: ReadonlyMap<string, string>,
  topicOf: (source: string) => string,
): Promise<readonly End[]> {
  const ends: End[] = [];
  for (const [source, name] of sources) {
    const topic = topicOf(name);
    for (const { partition, low, high } of await offsetsOf(bus, topic))
      ends.push({ source, topic, partition, low, end: high });
  }
  return ends;
}

/** Offsets of a topic; none where there is no such topic, as where records are not validated here. */
async function offsetsOf(bus: ParityBarrierOptions['bus'], topic: string) {
  try {
    return await bus.offsets(topic);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EVL_KAFKA_TOPIC_MISSING') return [];
    throw error;
  }
}

/** The ends that have not been reached. */
async function left(
  options: ParityBarrierOptions,
  ends: readonly End[],
  reached: (end: End) => Promise<bigint> | bigint | undefined,
): Promise<readonly End[]> {
  const open: End[] = [];
  for (const end of ends) {
    const position = (await reached(end)) ?? end.low;
    if (await hasRecords(options, end, position < end.low ? end.low : position)) open.push(end);
  }
  return open;
}

/** Whether a record lies from a position on up to an end. Reads until the first, in pieces; what has none is not read again. */
async function hasRecords(
  { bus, gaps }: ParityBarrierOptions,
  { topic, partition, end }: End,
  position: bigint,
): Promise<boolean> {
  const key = `${topic}/${partition}`;
  const known = gaps.get(key);
  const isKnown = known !== undefined && known.from <= position && position < known.until;
  const first = isKnown ? known.from : position;
  for (let from = isKnown ? known.until : position; from < end;) {
    const until = end - from > pieceMax ? from + pieceMax : end;
    if ((await countRecords(bus, { topic, partition, from, until })) > 0) return true;
    gaps.set(key, { from: first, until });
    from = until;
  }
  return false;
}

async function countRecords(bus: ParityBarrierOptions['bus'], range: OffsetRange): Promise<number> {
  let records = 0;
  await bus.readRanges([range], (batch) => {
    records += batch.records.length;
  });
  return records;
}
