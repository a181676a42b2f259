import { deferred, pause, type Health, type Logger } from '@everloop/service';
import type { KafkaAdmin } from './admin.ts';
import type { BusRecord, FollowOptions, Follower } from './bus.ts';
import { partitionKey } from './deliver.ts';
import { isOffsetOutOfRange, rootText } from './errors.ts';
import type { KafkaClient } from './kafkajs-client.ts';
import { isMarker, readMarker } from './markers.ts';
import type { Reachability } from './reachability.ts';
import { RecordReader, type Fetched } from './reader.ts';
import { isStopped } from './stopping.ts';
import { waitForTopics } from './wait-for-topics.ts';
import { WatermarkTracker } from './watermarks.ts';

export interface FollowerDependencies {
  readonly client: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly reachability: Reachability;
  readonly logger: Logger;
}

interface Following {
  readonly topic: string;
  readonly partition: number;
  position: bigint;
  /** End at the time of `start`. */
  readonly end: bigint;
}

/**
 * Reads every partition of its topics in this process alone. A record whose `onRecord` fails is given again, with pauses, until it
 * succeeds; nothing is skipped. Stopping while it catches up makes `start` resolve early.
 */
export class KafkaFollower implements Follower {
  readonly name: string;
  readonly #deps: FollowerDependencies;
  readonly #options: FollowOptions;
  readonly #reader: RecordReader;
  readonly #stopping = new AbortController();
  readonly #partitions = new Map<string, Following>();
  readonly #watermarks = new Map<string, WatermarkTracker>();
  #trouble: string | null = 'not started';
  #running: Promise<void> | null = null;
  readonly #caughtUp = deferred();

  constructor(deps: FollowerDependencies, options: FollowOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#reader = new RecordReader(deps.client);
    this.name = `follower ${options.topics.join(', ')}`;
  }

  async start(): Promise<void> {
    this.#running ??= this.#run();
    await this.#caughtUp.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#reader.close();
  }

  health(): Health {
    return this.#trouble === null ? { ok: true } : { ok: false, reason: `${this.name}: ${this.#trouble}` };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for (let pauseMs = 50; !isStopped(signal); pauseMs = Math.min(pauseMs * 2, 2_000)) {
        try {
          if (this.#partitions.size === 0) await this.#begin();
          while (!isStopped(signal)) {
            await this.#round();
            pauseMs = 25;
          }
        } catch (error) {
          if (isStopped(signal)) return;
          await this.#recover(error);
          await pause(pauseMs, signal).catch(() => undefined);
        }
      }
    } finally {
      this.#caughtUp.resolve();
    }
  }

  async #begin(): Promise<void> {
    const { admin, logger } = this.#deps;
    const { topics, from } = this.#options;
    const onMissing = (missing: readonly string[]): void => {
      this.#trouble = `waiting for topics ${missing.join(', ')}`;
    };
    await waitForTopics({ admin, logger, topics, signal: this.#stopping.signal, onMissing });
    this.#trouble = 'catching up';
    const found: Following[] = [];
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.offsets(topic)) {
        found.push({ topic, partition, position: from === 'end' ? high : low, end: high });
      }
    }
    for (const following of found) this.#partitions.set(partitionKey(following.topic, following.partition), following);
    for (const topic of topics) {
      const keys = found.filter((f) => f.topic === topic).map((f) => partitionKey(topic, f.partition));
      this.#watermarks.set(topic, new WatermarkTracker(keys));
    }
    this.#checkCaughtUp();
  }

  async #round(): Promise<void> {
    const fetched = await this.#reader.fetch([...this.#partitions.values()]);
    this.#deps.reachability.succeeded();
    for (const part of fetched) {
      const following = this.#partitions.get(partitionKey(part.topic, part.partition));
      if (following === undefined || following.position !== part.from) continue;
      await this.#give(following, part);
    }
    this.#checkCaughtUp();
  }

  async #give(following: Following, { records, nextOffset }: Fetched): Promise<void> {
    for (const record of records) {
      if (isStopped(this.#stopping.signal)) return;
      const handled = isMarker(record) ? this.#observe(record) : this.#options.onRecord(record);
      // Most records are handled at once; waiting for each of those would cost more than they do.
      if (handled !== undefined) await handled;
      following.position = record.offset + 1n;
    }
    following.position = nextOffset;
  }

  #observe(record: BusRecord): void | Promise<void> {
    const marker = readMarker(record);
    const tracker = this.#watermarks.get(record.topic);
    if (marker === null || tracker === undefined) return undefined;
    const moved = tracker.observe(partitionKey(record.topic, record.partition), marker);
    if (moved && tracker.value !== null) return this.#options.onWatermark?.(record.topic, tracker.value);
    return undefined;
  }

  #checkCaughtUp(): void {
    for (const { position, end } of this.#partitions.values()) if (position < end) return;
    this.#trouble = null;
    this.#caughtUp.resolve();
  }

  async #recover(error: unknown): Promise<void> {
    this.#trouble = rootText(error);
    if (this.#deps.reachability.failed(error)) return;
    this.#deps.logger.warn({ follower: this.name, err: error }, 'following stopped at an error; trying again');
    if (!isOffsetOutOfRange(error)) return;
    for (const following of this.#partitions.values()) {
      const kept = (await this.#deps.admin.offsets(following.topic)).find((o) => o.partition === following.partition);
      if (kept !== undefined && (following.position < kept.low || following.position > kept.high))
        following.position = kept.low;
    }
  }
}
