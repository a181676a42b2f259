import { randomUUID } from 'node:crypto';
import type { Health, Logger, Metrics, Part } from '@everloop/service';
import { KafkaAdmin, type PartitionOffsets } from './admin.ts';
import type {
  Batch,
  Bus,
  FeedRunner,
  FeedRunnerOptions,
  FollowOptions,
  OffsetRange,
  Follower,
  Publisher,
  PublisherOptions,
  SinkRunnerOptions,
  TaskRunnerOptions,
  TopicSpec,
} from './bus.ts';
import { isConnectionError, kafkaError, rootText } from './errors.ts';
import { KafkaFeedRunner } from './feed-runner.ts';
import { KafkaFollower } from './follower.ts';
import { createKafkaClient, type KafkaClient } from './kafkajs-client.ts';
import { isMarker } from './markers.ts';
import { ProgressStage, type ProgressReporter } from './progress.ts';
import { KafkaPublisher } from './publisher.ts';
import { Reachability } from './reachability.ts';
import { readRanges } from './read-range.ts';
import { RecordReader } from './reader.ts';
import { SinkRunner } from './sink-runner.ts';
import { TaskRunner, type RunnerDependencies } from './task-runner.ts';
import { createKafkaTelemetry, type KafkaTelemetry } from './telemetry.ts';

export interface KafkaBusOptions {
  /** `host:port` of one or more brokers. */
  readonly brokers: readonly string[];
  /** Name of the service in broker logs. */
  readonly clientId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A process that is silent for so long loses its partitions, milliseconds; default 10 s, the broker allows 6 s at least. */
  readonly sessionTimeoutMs?: number;
}

/** The connection to Kafka, on kafkajs. `start` resolves when a broker answers, however long that takes. */
export function createKafkaBus(options: KafkaBusOptions): Bus {
  return new KafkaBus(options);
}

class KafkaBus implements Bus {
  readonly name = 'kafka';
  readonly #client: KafkaClient;
  readonly #logger: Logger;
  readonly #telemetry: KafkaTelemetry;
  readonly #reachability: Reachability;
  readonly #admin: KafkaAdmin;
  readonly #sessionTimeoutMs: number;
  readonly #instance: string;
  readonly #brokers: string;
  readonly #stages = new Map<string, ProgressStage>();
  #stopped = false;

  constructor(options: KafkaBusOptions) {
    this.#logger = options.logger;
    this.#client = createKafkaClient(options);
    this.#telemetry = createKafkaTelemetry(options.metrics);
    this.#reachability = new Reachability(options.brokers, options.logger, this.#telemetry);
    this.#admin = new KafkaAdmin(this.#client, this.#reachability);
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
    this.#brokers = options.brokers.join(', ');
    this.#instance = `${options.clientId}/${randomUUID().slice(0, 8)}`;
  }

  async start(): Promise<void> {
    try {
      await this.#admin.connect();
    } catch (error) {
      if (!this.#stopped) throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#admin.close();
  }

  health(): Health {
    return this.#reachability.health();
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#admin.ensureTopics(specs);
  }

  async awaitTopics(names: readonly string[], timeoutMs: number): Promise<void> {
    await this.#admin.awaitTopics(names, timeoutMs);
  }

  async partitionCount(topic: string): Promise<number> {
    return await this.#admin.partitionCount(topic);
  }

  async messageBytesMax(topic: string): Promise<number> {
    return await this.#admin.messageBytesMax(topic);
  }

  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    return await this.#admin.offsets(topic);
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const found = await this.#admin.committed(groupId, [topic]);
    return new Map(found.flatMap(({ partition, offset }) => (offset === null ? [] : [[partition, offset]])));
  }

  publisher(options: PublisherOptions): Publisher {
    return new KafkaPublisher(this.#shared(), options);
  }

  tasks(options: TaskRunnerOptions): Part {
    return new TaskRunner(this.#runnerDependencies(options.progress), options);
  }

  sink(options: SinkRunnerOptions): Part {
    return new SinkRunner(this.#runnerDependencies(options.progress), options);
  }

  feeds(options: FeedRunnerOptions): FeedRunner {
    return new KafkaFeedRunner(this.#runnerDependencies(undefined), options);
  }

  follow(options: FollowOptions): Follower {
    return new KafkaFollower(this.#shared(), options);
  }

  async readAll(names: readonly string[], onRecords: (batch: Batch) => void | Promise<void>): Promise<void> {
    const ranges = [];
    for (const topic of names) {
      for (const { partition, low, high } of await this.#admin.offsets(topic))
        ranges.push({ topic, partition, from: low, until: high });
    }
    await this.#read(ranges, onRecords);
  }

  async readRanges(wanted: readonly OffsetRange[], onRecords: (batch: Batch) => void | Promise<void>): Promise<void> {
    const ranges = [];
    for (const { topic, partition, from, until } of wanted) {
      const kept = (await this.#admin.offsets(topic)).find((offsets) => offsets.partition === partition);
      if (kept === undefined) continue;
      ranges.push({
        topic,
        partition,
        from: from > kept.low ? from : kept.low,
        until: until < kept.high ? until : kept.high,
      });
    }
    await this.#read(ranges, onRecords);
  }

  async #read(ranges: readonly OffsetRange[], onRecords: (batch: Batch) => void | Promise<void>): Promise<void> {
    const reader = new RecordReader(this.#client);
    try {
      await readRanges(reader, ranges, async ({ topic, partition, records }) => {
        const data = records.some(isMarker) ? records.filter((r) => !isMarker(r)) : records;
        if (data.length > 0) await onRecords({ topic, partition, records: data });
      });
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      throw kafkaError(
        'unavailable',
        `Kafka at ${this.#brokers} went away while it was read: ${rootText(error)}`,
        error,
      );
    } finally {
      await reader.close();
    }
  }

  #shared() {
    return {
      client: this.#client,
      admin: this.#admin,
      reachability: this.#reachability,
      logger: this.#logger,
      telemetry: this.#telemetry,
    };
  }

  #runnerDependencies(progress: TaskRunnerOptions['progress']): RunnerDependencies {
    return {
      ...this.#shared(),
      sessionTimeoutMs: this.#sessionTimeoutMs,
      progress: progress === undefined ? null : this.#reporter(progress),
    };
  }

  #reporter({ service, stage }: { readonly service: string; readonly stage: string }): ProgressReporter {
    const key = `${service}/${stage}`;
    let shared = this.#stages.get(key);
    if (shared === undefined) {
      const createPublisher = (): Publisher =>
        new KafkaPublisher(this.#shared(), { name: `progress.${service}.${stage}` });
      shared = new ProgressStage({
        service,
        stage,
        instance: this.#instance,
        admin: this.#admin,
        createPublisher,
        logger: this.#logger,
      });
      this.#stages.set(key, shared);
    }
    return shared.join();
  }
}
