import { pause, type Health, type Part } from '@everloop/service';
import type { SinkRunnerOptions } from './bus.ts';
import { partitionKey, runs } from './deliver.ts';
import { rootText } from './errors.ts';
import { readMarker } from './markers.ts';
import { Membership, type Assignment } from './membership.ts';
import { RecordReader, type Fetched } from './reader.ts';
import { isStopped } from './stopping.ts';
import type { RunnerDependencies } from './task-runner.ts';
import { waitForTopics } from './wait-for-topics.ts';
import { WatermarkTracker } from './watermarks.ts';

interface Held {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to read. */
  position: bigint;
  /** Offsets before it are stored: read again for their markers only. */
  stored: bigint;
}

/**
 * Applies partitions to a store outside Kafka that keeps the offsets itself. The group's committed offsets only follow: they carry
 * the watermark, so that it survives a restart, and let lag be seen. `start` returns at once; `health` tells.
 */
export class SinkRunner implements Part {
  readonly name: string;
  readonly #deps: RunnerDependencies;
  readonly #options: SinkRunnerOptions;
  readonly #reader: RecordReader;
  readonly #stopping = new AbortController();
  readonly #held = new Map<string, Held>();
  #watermarks = new WatermarkTracker([]);
  #wanted: ReadonlyMap<string, { readonly topic: string; readonly partition: number }> = new Map();
  #membership: Membership | null = null;
  #trouble: string | null = 'not started';
  #running: Promise<void> | null = null;
  #told: number | null = null;
  #committing: Promise<void> = Promise.resolve();

  constructor(deps: RunnerDependencies, options: SinkRunnerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#reader = new RecordReader(deps.client);
    this.name = `sink ${options.groupId}`;
  }

  async start(): Promise<void> {
    if (isStopped(this.#stopping.signal)) return;
    await this.#deps.progress?.start();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#committing;
    await Promise.all([this.#membership?.stop(), this.#reader.close()]);
    await this.#deps.progress?.stop();
    this.#trouble = 'stopped';
  }

  health(): Health {
    if (this.#trouble !== null) return { ok: false, reason: `${this.name}: ${this.#trouble}` };
    return this.#membership?.joined === true
      ? { ok: true }
      : { ok: false, reason: `${this.name}: joining the consumer group` };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = 50; !isStopped(signal); pauseMs = Math.min(pauseMs * 2, 2_000)) {
      try {
        if (this.#membership === null) await this.#join();
        while (!isStopped(signal)) {
          await this.#round();
          this.#trouble = null;
          pauseMs = 25;
        }
      } catch (error) {
        if (isStopped(signal)) return;
        this.#recover(error);
        await pause(pauseMs, signal).catch(() => undefined);
      }
    }
  }

  async #join(): Promise<void> {
    const { admin, logger } = this.#deps;
    const { groupId, inputs } = this.#options;
    const onMissing = (missing: readonly string[]): void => {
      this.#trouble = `waiting for topics ${missing.join(', ')}`;
    };
    await waitForTopics({ admin, logger, topics: inputs, signal: this.#stopping.signal, onMissing });
    this.#membership = new Membership({
      ...this.#deps,
      groupId,
      topics: inputs,
      held: () => [...new Set([...this.#wanted.values()].map((w) => w.partition))],
      onAssigned: (assignment) => this.#assign(assignment),
    });
    this.#membership.start();
  }

  #assign(assignment: Assignment): void {
    const wanted = Object.entries(assignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    this.#wanted = new Map(wanted.map((w) => [partitionKey(w.topic, w.partition), w]));
  }

  async #round(): Promise<void> {
    await this.#adopt();
    if (this.#held.size === 0) {
      if (this.#membership?.joined === true) this.#deps.progress?.report('none');
      await pause(50, this.#stopping.signal).catch(() => undefined);
      return;
    }
    const fetched = await this.#reader.fetch([...this.#held.values()]);
    this.#deps.reachability.succeeded();
    const applied = await Promise.allSettled(fetched.map(async (part) => await this.#apply(part)));
    for (const result of applied) if (result.status === 'rejected') throw result.reason;
    await this.#tellWatermark();
    if (fetched.length > 0) this.#commit(fetched);
  }

  /** Takes over what the group newly gave and lets go of what it took. */
  async #adopt(): Promise<void> {
    const wanted = this.#wanted;
    const added = [...wanted].filter(([key]) => !this.#held.has(key));
    for (const [key, held] of this.#held) {
      if (wanted.has(key)) continue;
      this.#held.delete(key);
      this.#options.handler.released?.(held.topic, held.partition);
    }
    if (added.length > 0) {
      const committed = await this.#deps.admin.committed(this.#options.groupId, this.#options.inputs);
      for (const [key, { topic, partition }] of added) {
        const stored = await this.#options.handler.position(topic, partition);
        const low = (await this.#deps.admin.offsets(topic)).find((o) => o.partition === partition)?.low ?? 0n;
        const start = stored ?? low;
        const followed = committed.find((c) => c.topic === topic && c.partition === partition);
        // The watermark was kept a little before the stored position, if at all: read the markers in between once more.
        const known = followed?.offset ?? low;
        const position = known > start ? start : known < low ? low : known;
        if (known <= start) this.#watermarks.partition(key).restore(followed?.metadata ?? null);
        this.#held.set(key, { topic, partition, position, stored: start });
      }
    }
    this.#watermarks.retain(new Set(this.#held.keys()));
    this.#watermarks.refresh();
  }

  async #apply(part: Fetched): Promise<void> {
    const { topic, partition } = part;
    const key = partitionKey(topic, partition);
    const held = this.#held.get(key);
    if (held === undefined || held.position !== part.from) return;
    const records = [];
    const watermark = this.#watermarks.partition(key);
    for (const run of runs(part.records)) {
      if ('data' in run) {
        for (const record of run.data) if (record.offset >= held.stored) records.push(record);
      } else {
        const marker = readMarker(run.marker);
        if (marker !== null) watermark.observe(marker);
      }
    }
    if (part.nextOffset > held.stored && part.records.length > 0) {
      await this.#options.handler.apply(
        { topic, partition, records },
        { nextOffset: part.nextOffset, watermarkMs: watermark.value },
      );
      held.stored = part.nextOffset;
      this.#deps.telemetry.recordsRead(this.#options.groupId, records.length);
      this.#deps.progress?.countRecords(records.length);
    }
    held.position = part.nextOffset;
  }

  async #tellWatermark(): Promise<void> {
    this.#watermarks.refresh();
    const { value } = this.#watermarks;
    if (value === null || value === this.#told) return;
    await this.#options.handler.onWatermark?.(value);
    this.#told = value;
    this.#deps.telemetry.watermark(this.#options.groupId, value);
    this.#deps.progress?.report(value);
  }

  /** Follows in the background; a commit that fails is made good by a later one. */
  #commit(fetched: readonly Fetched[]): void {
    const offsets = fetched.flatMap(({ topic, partition }) => {
      const key = partitionKey(topic, partition);
      const held = this.#held.get(key);
      return held === undefined
        ? []
        : [{ topic, partition, offset: held.position, metadata: this.#watermarks.partition(key).snapshot() }];
    });
    this.#committing = this.#committing.then(async () => {
      for (const o of offsets) {
        await this.#membership
          ?.commit(o.topic, o.partition, o.offset, o.metadata)
          .catch((error: unknown) =>
            this.#deps.logger.debug({ group: this.#options.groupId, reason: rootText(error) }, 'offsets not committed'),
          );
      }
    });
  }

  /** Everything is read again from what the store says. */
  #recover(error: unknown): void {
    this.#trouble = rootText(error);
    this.#held.clear();
    this.#watermarks = new WatermarkTracker([]);
    this.#told = null;
    if (this.#deps.reachability.failed(error)) return;
    this.#deps.logger.warn(
      { group: this.#options.groupId, err: error },
      'a batch was not applied; going on from the stored position',
    );
  }
}
