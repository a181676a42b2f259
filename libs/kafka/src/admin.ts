import { pause, retry } from '@everloop/service';
import type { Admin } from 'kafkajs';
import type { TopicSpec } from './bus.ts';
import { causes, hasProtocolType, isConnectionError, kafkaError, rootText } from './errors.ts';
import { readUncommitted, type Cluster, type KafkaClient } from './kafkajs-client.ts';
import { kafkajs } from './kafkajs-patches.ts';
import type { Reachability } from './reachability.ts';

export interface PartitionOffsets {
  readonly partition: number;
  /** First offset that is kept. */
  readonly low: bigint;
  /** One past the last record that can be read committed. */
  readonly high: bigint;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  /** Null when the group has committed nothing. */
  readonly offset: bigint | null;
  readonly metadata: string;
}

/** Kafka's name for the end of a partition where a time is asked for. */
const latest = -1;
/** Patience with a leader that is being chosen: 40 times 50 ms. */
const leaderTries = 40;
const leaderPauseMs = 50;

/** Questions to the broker and creation of topics. Calls go on through an outage until `stop`. */
export class KafkaAdmin {
  readonly #client: KafkaClient;
  readonly #reachability: Reachability;
  readonly #partitionCounts = new Map<string, number>();
  readonly #stopping = new AbortController();
  #cluster: Promise<Cluster> | null = null;
  #admin: Promise<Admin> | null = null;

  constructor(client: KafkaClient, reachability: Reachability) {
    this.#client = client;
    this.#reachability = reachability;
  }

  /** Resolves when the broker answers. */
  async connect(): Promise<void> {
    await this.#ask(() => this.#connectedCluster());
  }

  async close(): Promise<void> {
    this.#stopping.abort(kafkaError('stopped', 'the connection to Kafka was stopped'));
    await this.#drop();
  }

  /** Number of partitions of every topic that is ready. */
  async describe(): Promise<ReadonlyMap<string, number>> {
    const metadata = await this.#ask(async () => {
      const found = await (await this.#connectedCluster()).metadata({ topics: [] });
      if (found === null) throw kafkaError('unavailable', 'no broker answered a request for metadata');
      return found;
    });
    const ready = metadata.topicMetadata.filter(
      (t) => t.partitionMetadata.length > 0 && t.partitionMetadata.every((p) => p.leader >= 0),
    );
    for (const topic of ready) this.#partitionCounts.set(topic.topic, topic.partitionMetadata.length);
    return new Map(ready.map((t) => [t.topic, t.partitionMetadata.length]));
  }

  /** Kept once known: partitions are never added to a topic. Rejects with EVL_KAFKA_TOPIC_MISSING. */
  async partitionCount(topic: string): Promise<number> {
    const count = this.knownPartitionCount(topic) ?? (await this.describe()).get(topic);
    if (count === undefined)
      throw kafkaError('topicMissing', `topic '${topic}' does not exist; check its name, or create it first`);
    return count;
  }

  knownPartitionCount(topic: string): number | undefined {
    return this.#partitionCounts.get(topic);
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    let existing = await this.describe();
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
      for (const spec of specs) checkPartitions(spec, existing.get(spec.name));
      const missing = specs.filter((spec) => !existing.has(spec.name));
      if (missing.length === 0) break;
      // Also while a topic that was just created becomes ready: creating it once more is refused and does no harm.
      await this.#create(missing);
      await pause(pauseMs, this.#stopping.signal);
      existing = await this.describe();
    }
  }

  async awaitTopics(names: readonly string[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const existing = await this.describe();
      const missing = names.filter((name) => !existing.has(name));
      if (missing.length === 0) return;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        const list = missing.map((name) => `'${name}'`).join(', ');
        throw kafkaError(
          'topicMissing',
          `no topic ${list} after ${timeoutMs} ms; start the service that creates it, or create it with the partitions it should have`,
        );
      }
      await pause(Math.min(pauseMs, leftMs), this.#stopping.signal);
    }
  }

  async messageBytesMax(topic: string): Promise<number> {
    const { resources } = await this.#ask(
      async () =>
        await (
          await this.#connectedAdmin()
        ).describeConfigs({
          includeSynonyms: false,
          resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['max.message.bytes'] }],
        }),
    );
    return Number(resources[0]?.configEntries[0]?.configValue ?? NaN);
  }

  /** What can be read of each partition now: `high` lies before the first transaction that is still open. */
  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    const partitions = Array.from({ length: await this.partitionCount(topic) }, (_, partition) => ({ partition }));
    return await this.#askLeaders(() => this.#fetchOffsets(topic, partitions));
  }

  /**
   * The end of a partition, open transactions included. Whoever reads its own state must read as far: a state that it has committed may lie
   * behind the open transaction of somebody else.
   */
  async end(topic: string, partition: number): Promise<bigint> {
    return await this.#askLeaders(async () => {
      const cluster = await this.#connectedCluster();
      await cluster.addMultipleTargetTopics([topic]);
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
      if (nodeId === undefined)
        throw kafkaError('unavailable', `partition ${partition} of topic '${topic}' has no leader now`);
      const broker = await cluster.findBroker({ nodeId });
      const { responses } = await broker.listOffsets({
        ...{ replicaId: -1, isolationLevel: readUncommitted },
        topics: [{ topic, partitions: [{ partition, timestamp: latest }] }],
      });
      const offset = responses[0]?.partitions[0]?.offset;
      // Never taken for empty: whoever found no state would begin anew.
      if (offset === undefined)
        throw kafkaError('unavailable', `the broker did not say where partition ${partition} of topic '${topic}' ends`);
      return BigInt(offset);
    });
  }

  async #askLeaders<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#ask(ask);
      } catch (error) {
        // A topic that was just made, or whose leader moves: the broker that was asked does not know it is the leader yet, or is it no more.
        if (tries >= leaderTries || !hasProtocolType(error, 'NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'))
          throw error;
        await pause(leaderPauseMs, this.#stopping.signal);
        await this.#ask(async () => await (await this.#connectedCluster()).refreshMetadata());
      }
    }
  }

  async #fetchOffsets(
    topic: string,
    partitions: readonly { readonly partition: number }[],
  ): Promise<readonly PartitionOffsets[]> {
    const cluster = await this.#connectedCluster();
    await cluster.addMultipleTargetTopics([topic]);
    const [low, high] = await Promise.all([
      cluster.fetchTopicsOffset([{ topic, fromBeginning: true, partitions }]),
      cluster.fetchTopicsOffset([{ topic, fromBeginning: false, partitions }]),
    ]);
    const lows = new Map(low[0]?.partitions.map((p) => [p.partition, BigInt(p.offset)]));
    const highs = new Map(high[0]?.partitions.map((p) => [p.partition, BigInt(p.offset)]));
    return partitions.map(({ partition }) => ({
      partition,
      low: lows.get(partition) ?? 0n,
      high: highs.get(partition) ?? 0n,
    }));
  }

  async committed(groupId: string, topics: readonly string[]): Promise<readonly CommittedOffset[]> {
    const found = await this.#ask(
      async () => await (await this.#connectedAdmin()).fetchOffsets({ groupId, topics: [...topics] }),
    );
    return found.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => ({
        topic,
        partition,
        offset: BigInt(offset) < 0n ? null : BigInt(offset),
        metadata: metadata ?? '',
      })),
    );
  }

  async #create(specs: readonly TopicSpec[]): Promise<void> {
    await this.#ask(async () => {
      const admin = await this.#connectedAdmin();
      const topics = specs.map((spec) => ({
        topic: spec.name,
        numPartitions: spec.partitions,
        configEntries: Object.entries({
          ...(spec.compacted === true ? { 'cleanup.policy': 'compact' } : {}),
          ...spec.config,
        }).map(([name, value]) => ({ name, value })),
      }));
      try {
        // Waiting for leaders is broken with KRaft, so that is done by asking again.
        await admin.createTopics({ topics, waitForLeaders: false, timeout: 10_000 });
      } catch (error) {
        const refused = createErrors(error).filter((e) => !hasProtocolType(e, 'TOPIC_ALREADY_EXISTS'));
        if (refused.length === 0) return;
        if (refused.some((e) => isConnectionError(e) || hasProtocolType(e, 'NOT_CONTROLLER', 'REQUEST_TIMED_OUT'))) {
          throw kafkaError('unavailable', `topics could not be created: ${rootText(error)}`, error);
        }
        const names = specs.map((s) => `'${s.name}'`).join(', ');
        throw kafkaError(
          'topicInvalid',
          `the broker refuses to create one of ${names}: ${refused.map(rootText).join('; ')}`,
          error,
        );
      }
    });
  }

  /** Asks until there is an answer; refusals are passed on, outages are waited out. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    const answer = await retry(question, {
      initialMs: 50,
      maxMs: 2_000,
      signal: this.#stopping.signal,
      when: isConnectionError,
      onRetry: (error) => {
        this.#reachability.failed(error);
        void this.#drop();
      },
    });
    this.#reachability.succeeded();
    return answer;
  }

  #connectedCluster(): Promise<Cluster> {
    this.#cluster ??= (async () => {
      const cluster = this.#client.createCluster();
      await cluster.connect();
      await cluster.refreshMetadata();
      return cluster;
    })();
    return this.#cluster;
  }

  #connectedAdmin(): Promise<Admin> {
    this.#admin ??= (async () => {
      const admin = this.#client.kafka.admin();
      await admin.connect();
      return admin;
    })();
    return this.#admin;
  }

  async #drop(): Promise<void> {
    const open = [this.#cluster, this.#admin];
    this.#cluster = null;
    this.#admin = null;
    await Promise.all(
      open.map(async (one) => await (await one)?.disconnect()).map((closing) => closing.catch(() => undefined)),
    );
  }
}

function checkPartitions(spec: TopicSpec, existing: number | undefined): void {
  if (existing === undefined || existing === spec.partitions) return;
  throw kafkaError(
    'topicMismatch',
    `topic '${spec.name}' has ${existing} partitions but ${spec.partitions} are asked for; partitions are never added to a topic ` +
      `because keys would move: ask for ${existing}, or use another topic`,
  );
}

/** kafkajs gathers the refusals of several topics in one error. */
function createErrors(error: unknown): readonly unknown[] {
  for (const e of causes(error)) {
    if (typeof e === 'object' && e !== null && 'errors' in e && Array.isArray(e.errors)) return e.errors as unknown[];
  }
  return [error];
}
