import type { BusRecord } from './bus.ts';
import { kafkaError } from './errors.ts';
import { readHeaders } from './headers.ts';
import { readCommitted, type Broker, type Cluster, type KafkaClient, type RawPartition } from './kafkajs-client.ts';
import { committedRecords } from './wire/aborted.ts';
import type { BatchRecord } from './wire/batch-read.ts';

export interface ReadTarget {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to read. */
  readonly position: bigint;
}

/** What was read of one partition, markers included. Without records it says that only aborted or control records were there. */
export interface Fetched {
  readonly topic: string;
  readonly partition: number;
  /** The position that was asked for; an answer to a position that is no longer current must be dropped. */
  readonly from: bigint;
  readonly nextOffset: bigint;
  /** Records from `nextOffset` on are at hand already. */
  readonly hasMore: boolean;
  readonly records: readonly BusRecord[];
}

export interface ReaderLimits {
  /** Most bytes of one partition in one answer. */
  readonly partitionBytesMax: number;
  /** Most bytes of one answer. */
  readonly fetchBytesMax: number;
  /** Longest wait for new records, milliseconds; also the longest wait to stop. */
  readonly waitMsMax: number;
}

export const defaultReaderLimits: ReaderLimits = { partitionBytesMax: 1 << 20, fetchBytesMax: 4 << 20, waitMsMax: 500 };

type Arrival = { readonly nodeId: string } & ({ readonly fetched: readonly Fetched[] } | { readonly error: unknown });

/**
 * Reads committed records of chosen partitions from chosen positions, on connections of its own and without a consumer group:
 * who reads what is decided by the caller. After an error the connections are dropped and the next call makes new ones.
 */
export class RecordReader {
  readonly #client: KafkaClient;
  readonly #limits: ReaderLimits;
  #cluster: Cluster | null = null;
  /** One request to each leader is under way at most; an answer is given to whoever calls next. */
  readonly #pending = new Map<string, Promise<Arrival>>();

  constructor(client: KafkaClient, limits: ReaderLimits = defaultReaderLimits) {
    this.#client = client;
    this.#limits = limits;
  }

  /** Waits until one leader answers and returns what came, which may be nothing. Empty without targets. */
  async fetch(targets: readonly ReadTarget[]): Promise<readonly Fetched[]> {
    if (targets.length === 0) return [];
    try {
      const cluster = await this.#connected([...new Set(targets.map((t) => t.topic))]);
      for (const [nodeId, group] of groupByLeader(cluster, targets)) {
        if (this.#pending.has(nodeId)) continue;
        this.#pending.set(nodeId, this.#request(cluster, nodeId, group));
      }
      const arrival = await Promise.race(this.#pending.values());
      this.#pending.delete(arrival.nodeId);
      if ('error' in arrival) throw arrival.error;
      return arrival.fetched;
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** Drops the connections; a later `fetch` makes new ones. Never rejects. */
  async close(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = null;
    this.#pending.clear();
    await cluster?.disconnect().catch(() => undefined);
  }

  async #connected(topics: readonly string[]): Promise<Cluster> {
    if (this.#cluster === null) {
      const cluster = this.#client.createCluster();
      await cluster.connect();
      this.#cluster = cluster;
    }
    await this.#cluster.addMultipleTargetTopics(topics);
    await this.#cluster.refreshMetadataIfNecessary();
    return this.#cluster;
  }

  async #request(cluster: Cluster, nodeId: string, targets: readonly ReadTarget[]): Promise<Arrival> {
    try {
      const broker = await cluster.findBroker({ nodeId });
      return { nodeId, fetched: await fetchFrom(broker, targets, this.#limits) };
    } catch (error) {
      return { nodeId, error };
    }
  }
}

function groupByLeader(cluster: Cluster, targets: readonly ReadTarget[]): Map<string, ReadTarget[]> {
  const groups = new Map<string, ReadTarget[]>();
  for (const target of targets) {
    const leader = Object.keys(cluster.findLeaderForPartitions(target.topic, [target.partition]))[0];
    if (leader === undefined) {
      throw kafkaError('unavailable', `partition ${target.partition} of topic '${target.topic}' has no leader now`);
    }
    const group = groups.get(leader);
    if (group === undefined) groups.set(leader, [target]);
    else group.push(target);
  }
  return groups;
}

async function fetchFrom(
  broker: Broker,
  targets: readonly ReadTarget[],
  limits: ReaderLimits,
): Promise<readonly Fetched[]> {
  const { responses } = await broker.fetch({
    maxWaitTime: limits.waitMsMax,
    minBytes: 1,
    maxBytes: limits.fetchBytesMax,
    isolationLevel: readCommitted,
    topics: targets.map(({ topic, partition, position }) => ({
      topic,
      partitions: [{ partition, fetchOffset: position.toString(), maxBytes: limits.partitionBytesMax }],
    })),
  });
  const positions = new Map(targets.map((t) => [`${t.topic}/${t.partition}`, t.position]));
  return responses.flatMap(({ topicName, partitions }) =>
    partitions.flatMap((raw) => {
      const from = positions.get(`${topicName}/${raw.partition}`);
      return from === undefined || raw.messages.nextOffset === null ? [] : [decode(topicName, raw, from)];
    }),
  );
}

function decode(topic: string, raw: RawPartition, from: bigint): Fetched {
  const { partition, abortedTransactions, messages } = raw;
  const records: BusRecord[] = [];
  for (const record of committedRecords(messages.records, abortedTransactions ?? [])) {
    // A batch is sent whole, so it may begin before the position.
    if (record.position >= from) records.push(toRecord(topic, partition, record));
  }
  // One past the last batch, not past the last record: compaction and control records leave gaps.
  const next = messages.nextOffset ?? from;
  const nextOffset = next > from ? next : from;
  return { topic, partition, from, nextOffset, hasMore: BigInt(raw.lastStableOffset) > nextOffset, records };
}

function toRecord(topic: string, partition: number, record: BatchRecord): BusRecord {
  const { position: offset, key, value, timestampMs } = record;
  const { headers, rawHeaders } = readHeaders(record.headerBytes);
  return rawHeaders === null
    ? { topic, partition, offset, key, value, headers, timestampMs }
    : { topic, partition, offset, key, value, headers, timestampMs, rawHeaders };
}
