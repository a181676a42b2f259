import { parseResource, registry, topics, toWire, type TypedResource } from '@everloop/contracts';
import type { Bus, BusRecord, SinkHandler } from '@everloop/kafka';
import type { RegistryOf } from '@everloop/records';
import { errorText, pause, type Health, type Part } from '@everloop/service';

import { topologyOf, type Topology } from '../domain/topology.ts';
import type { History, OnlineRows } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { createFeatureSink, type FeatureSink } from './feature-sink.ts';
import { OnlineWriter } from './online-writer.ts';

export interface LiveTopologyOptions {
  readonly bus: Bus;
  readonly rows: OnlineRows;
  readonly history: History;
  readonly telemetry: Telemetry;
  readonly registryOf?: RegistryOf;
  readonly cachedRowsMax: number;
  readonly redisWatchMs: number;
  /** Places (`evl-src`) of records that are now in the online rows of this process. */
  readonly onApplied?: (places: readonly string[]) => void;
}

/** What online rows are made anew for: views by name (null: all), and entities with an event in the range (null: all). */
export interface MaterialiseAsked {
  readonly views: ReadonlySet<string> | null;
  readonly range: { readonly fromMs: number; readonly untilMs: number } | null;
}

interface Running {
  readonly identity: string;
  readonly sink: Part;
  readonly features: FeatureSink;
  readonly online: OnlineWriter;
}

/** Quiet time after a change of resources before the sink is set up anew, since an apply changes many at once; milliseconds. */
const settleMs = 200;
/** Pause after a failed set-up, milliseconds. */
const retryMs = 1_000;

/**
 * Follows the applied resources and keeps a sink running that does what they ask for. A change of what is to be done, and a loss of
 * the online rows, end the sink and start a new one from the stored positions, so the result depends on the log alone.
 */
export class LiveTopology implements Part {
  readonly name = 'features';
  readonly #options: LiveTopologyOptions;
  readonly #resources = new Map<string, TypedResource>();
  readonly #changedAt = new Map<string, { readonly digest: string; readonly atMs: number }>();
  readonly #stopping = new AbortController();
  #topology: Topology = topologyOf([]);
  #watermarkMs: number | null = null;
  #running: Running | null = null;
  #follower: Part | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #settling: NodeJS.Timeout | undefined;
  #trouble: string | null = null;

  constructor(options: LiveTopologyOptions) {
    this.#options = options;
  }

  get topology(): Topology {
    return this.#topology;
  }

  /** When a resource (`<kind>/<name>`) got the definition that it has, epoch milliseconds of wall-clock time; 0 if it is not known. */
  changedAtMs(resource: string): number {
    return this.#changedAt.get(resource)?.atMs ?? 0;
  }

  /** Event time that everything before is applied, over the partitions of this process; null while it is not known. */
  get watermarkMs(): number | null {
    return this.#watermarkMs;
  }

  async start(): Promise<void> {
    const { bus } = this.#options;
    await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
    this.#follower = bus.follow({
      topics: [topics.resources],
      from: 'beginning',
      onRecord: (record) => this.#onResource(record),
    });
    await this.#follower.start();
    void this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#settling);
    await this.#follower?.stop();
    await this.#serially(async () => {
      await this.#running?.sink.stop();
      this.#running = null;
      await this.#options.history.flush();
    });
  }

  /**
   * Makes online rows of the partitions that this process holds anew from the history, each between two batches. Resolves with what was
   * done, and for which partitions.
   */
  async materialise(asked: MaterialiseAsked) {
    const running = this.#running;
    const done = { rows: 0, records: 0, partitions: [] as string[] };
    for (const { topic, partition } of running?.online.held() ?? []) {
      const views = this.#topology.work.get(topic)?.views ?? [];
      if (running === null || !views.some(({ name }) => asked.views?.has(name) !== false)) continue;
      const { rows, records } = await running.features.materialise(topic, partition, asked);
      done.rows += rows;
      done.records += records;
      done.partitions.push(`${topic}/${partition}`);
    }
    return done;
  }

  health(): Health {
    if (this.#trouble !== null) return { ok: false, reason: this.#trouble };
    return this.#running?.sink.health?.() ?? { ok: true };
  }

  #onResource(record: BusRecord): void {
    const key = record.key?.toString() ?? '';
    if (record.value === null) {
      this.#resources.delete(key);
    } else {
      try {
        const resource = parseResource(registry.Resource.fromJSON(JSON.parse(record.value.toString())));
        this.#resources.set(key, resource);
        const { digest } = toWire(resource);
        if (this.#changedAt.get(key)?.digest !== digest) this.#changedAt.set(key, { digest, atMs: record.timestampMs });
      } catch (error) {
        this.#options.telemetry.logger.error(
          { key, err: error },
          'a resource cannot be understood; it is left as it was',
        );
        return;
      }
    }
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#refresh(), settleMs);
  }

  /** Takes the resources as they are now; the sink is set up anew only if its work changed. */
  #refresh(): Promise<void> {
    return this.#attempt(async () => {
      if (this.#stopping.signal.aborted) return;
      const topology = topologyOf(this.#resources.values());
      this.#topology = topology;
      if (topology.identity === this.#running?.identity) return;
      this.#options.telemetry.topologyChanged([...topology.work.keys()], topology.waiting);
      await this.#replaceSink(topology);
    });
  }

  async #replaceSink(topology: Topology): Promise<void> {
    const { bus, history, rows, telemetry, cachedRowsMax, registryOf } = this.#options;
    await this.#running?.sink.stop();
    this.#running = null;
    this.#watermarkMs = null;
    await history.declare([...topology.work.values()].map(({ table }) => table));
    if (topology.work.size === 0) return;
    const online = new OnlineWriter(rows, cachedRowsMax, telemetry);
    const offsets = async (topic: string, partition: number) =>
      (await bus.offsets(topic)).find((found) => found.partition === partition);
    const features = createFeatureSink({
      topology,
      online,
      history,
      telemetry,
      starts: async (topic, partition) => Number((await offsets(topic, partition))?.low ?? 0n),
      ends: async (topic, partition) => Number((await offsets(topic, partition))?.high ?? 0n),
      ...(registryOf === undefined ? {} : { registryOf }),
      ...(this.#options.onApplied === undefined ? {} : { onApplied: this.#options.onApplied }),
    });
    const sink = bus.sink({
      groupId: 'everloop.feature-store.features',
      inputs: [...topology.work.keys()],
      handler: this.#watched(features),
      progress: { service: 'feature-store', stage: 'online' },
    });
    await sink.start();
    this.#running = { identity: topology.identity, sink, features, online };
  }

  /** Keeps the watermark that the sink's handler is told. */
  #watched(handler: SinkHandler): SinkHandler {
    return {
      ...handler,
      onWatermark: (watermarkMs) => {
        this.#watermarkMs = watermarkMs;
        return handler.onWatermark?.(watermarkMs);
      },
    };
  }

  /** Looks whether Redis still has the positions that were written; it may have been emptied while nothing was to be written. */
  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await pause(this.#options.redisWatchMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const running = this.#running;
      if (running === null) continue;
      // While Redis is away its own health says so.
      const lost = await this.#lostPosition(running.online).catch(() => null);
      if (lost === null) continue;
      this.#options.telemetry.onlineLost(lost);
      await this.#attempt(async () => {
        if (this.#running === running && !signal.aborted) await this.#replaceSink(this.#topology);
      });
    }
  }

  /**
   * Says which held topic partition has no stored position any more, or an older one than was stored, as after a failover to a replica
   * that had not got all; null when all are there.
   */
  async #lostPosition(online: OnlineWriter): Promise<string | null> {
    for (const { topic, partition, buckets } of online.held()) {
      const work = this.#topology.work.get(topic);
      if (work === undefined) continue;
      const stored = await this.#options.rows.position(topic, partition, work.fingerprint);
      if (stored.buckets.some(({ token }) => token === null))
        return `the position of ${topic}/${partition} is gone from Redis`;
      const isOlder = stored.buckets.some(({ nextOffset }, bucket) => nextOffset < (buckets[bucket]?.nextOffset ?? 0));
      if (isOlder) return `Redis has an older position of ${topic}/${partition} than was stored`;
    }
    return null;
  }

  /** Does `work` after what was begun before; a failure shows in the health and is followed by another try. */
  #attempt(work: () => Promise<void>): Promise<void> {
    return this.#serially(work).then(
      () => {
        this.#trouble = null;
      },
      (error: unknown) => {
        this.#trouble = errorText(error);
        this.#options.telemetry.logger.error({ err: error }, 'the feature sink could not be set up; it is tried again');
        if (!this.#stopping.signal.aborted) this.#settling = setTimeout(() => void this.#refresh(), retryMs);
      },
    );
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
