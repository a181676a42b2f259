import { deferred, pause, type Deferred, type Logger } from '@everloop/service';
import type { Consumer } from 'kafkajs';
import { copartitionedAssigner } from './assigner.ts';
import { rootText } from './errors.ts';
import type { KafkaClient } from './kafkajs-client.ts';
import type { Reachability } from './reachability.ts';
import { isStopped } from './stopping.ts';

/** Partition numbers by topic. */
export type Assignment = Readonly<Record<string, readonly number[]>>;

export interface MembershipOptions {
  readonly client: KafkaClient;
  readonly reachability: Reachability;
  readonly logger: Logger;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** A member that is silent for so long is taken for dead, milliseconds. */
  readonly sessionTimeoutMs: number;
  /** Partition numbers held now; they are asked for again. */
  readonly held: () => readonly number[];
  readonly onAssigned: (assignment: Assignment) => void;
}

/** How long the consumer sleeps between looks; bounds the time to notice a rebalance and to stop. */
const idleMs = 250;
const heartbeatMs = 500;

/**
 * Membership of a consumer group and nothing else: kafkajs joins, beats and rejoins, but every partition is paused, because the
 * reading is done by `RecordReader`. So a slow handler cannot stop the heart, and one slow partition cannot hold up another.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #stopping = new AbortController();
  #consumer: Consumer | null = null;
  #crashed: Deferred<unknown> = deferred<unknown>();
  #confirmed: Deferred<void> = deferred();
  #joined = false;
  #running: Promise<void> | null = null;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get joined(): boolean {
    return this.#joined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#crashed.resolve(null);
    await this.#running;
  }

  /** Resolves at the next sign that the group still counts this process as a member, or has given it a new assignment. */
  async confirmation(): Promise<void> {
    await this.#confirmed.promise;
  }

  /** Commits offsets to the group, for lag monitors and sinks; rejects when not a member. */
  async commit(topic: string, partition: number, offset: bigint, metadata: string): Promise<void> {
    await this.#consumer?.commitOffsets([{ topic, partition, offset: offset.toString(), metadata }]);
  }

  async #run(): Promise<void> {
    for (let pauseMs = 50; !isStopped(this.#stopping.signal); pauseMs = Math.min(pauseMs * 2, 2_000)) {
      const joinedAt = performance.now();
      const error = await this.#member();
      if (isStopped(this.#stopping.signal)) return;
      if (!this.#options.reachability.failed(error)) {
        this.#options.logger.warn(
          { group: this.#options.groupId, reason: rootText(error) },
          'left the consumer group; joining again',
        );
      }
      if (performance.now() - joinedAt > 30_000) pauseMs = 50;
      await pause(pauseMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  /** Is a member until something goes wrong (returned) or until `stop`. */
  async #member(): Promise<unknown> {
    const { client, groupId, topics, sessionTimeoutMs, held } = this.#options;
    this.#crashed = deferred<unknown>();
    const consumer = client.kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(sessionTimeoutMs, 30_000),
      heartbeatInterval: Math.min(heartbeatMs, sessionTimeoutMs / 4),
      maxWaitTimeInMs: idleMs,
      allowAutoTopicCreation: false,
      partitionAssigners: [copartitionedAssigner(held)],
      // Restarts are made here, so that all of them are made, and with a new consumer.
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    try {
      this.#listen(consumer);
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: () => Promise.resolve() });
      this.#consumer = consumer;
      return await this.#crashed.promise;
    } catch (error) {
      return error;
    } finally {
      this.#joined = false;
      this.#consumer = null;
      await consumer.disconnect().catch(() => undefined);
    }
  }

  #listen(consumer: Consumer): void {
    const { topics, onAssigned, reachability, logger, groupId } = this.#options;
    const confirm = (): void => {
      reachability.succeeded();
      this.#confirmed.resolve();
      this.#confirmed = deferred();
    };
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      consumer.pause(topics.map((topic) => ({ topic })));
      this.#joined = true;
      logger.debug({ group: groupId, assignment: payload.memberAssignment }, 'assigned');
      onAssigned(payload.memberAssignment);
      confirm();
    });
    consumer.on(consumer.events.HEARTBEAT, confirm);
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed.resolve(payload.error));
  }
}
