import { canonicalJson, parseResource, registry, topics, type BatchSpec, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, FeedRunner } from '@everloop/kafka';
import type { RegistryOf } from '@everloop/records';
import type { Health, Part } from '@everloop/service';
import type { Clock, Connector } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { createBatchFeed } from './batch-feed.ts';

/** Partitions of the topic with the positions: at most so many replicas share the sources. */
const positionPartitions = 8;

export interface BatchSourcesOptions {
  readonly bus: Pick<Bus, 'ensureTopics' | 'feeds' | 'follow'>;
  readonly connect: (source: string, batch: BatchSpec) => Connector;
  readonly registryOf: RegistryOf;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/**
 * Follows the applied resources and brings the rows of every Source with a batch part to its topic; replicas share the Sources. A
 * changed Source goes on from the same position; a removed one keeps it.
 */
export class BatchSources implements Part {
  readonly name = 'batch sources';
  readonly #options: BatchSourcesOptions;
  readonly #feeds: FeedRunner;
  readonly #follower: Part;
  /** Definition of each running source, as text. */
  readonly #running = new Map<string, string>();

  constructor(options: BatchSourcesOptions) {
    this.#options = options;
    this.#feeds = options.bus.feeds({ groupId: 'everloop.ingest.feeds', stateTopic: topics.ingestPosition });
    this.#follower = options.bus.follow({
      topics: [topics.resources],
      from: 'beginning',
      onRecord: (record) => this.#onResource(record),
    });
  }

  async start(): Promise<void> {
    await this.#options.bus.ensureTopics([
      { name: topics.resources, partitions: 1, compacted: true },
      { name: topics.ingestPosition, partitions: positionPartitions, compacted: true },
      { name: topics.ingestEvent, partitions: 1 },
    ]);
    await this.#feeds.start();
    await this.#follower.start();
  }

  async stop(): Promise<void> {
    await this.#follower.stop();
    await this.#feeds.stop();
  }

  /** A source in trouble is said, since its rows wait; the others go on meanwhile. */
  health(): Health {
    for (const part of [this.#follower, this.#feeds]) {
      const health = part.health?.() ?? { ok: true };
      if (!health.ok) return health;
    }
    for (const name of this.#running.keys()) {
      const trouble = this.#feeds.trouble(name) ?? null;
      if (trouble !== null) return { ok: false, reason: `Source ${name}: ${trouble}` };
    }
    return { ok: true };
  }

  async #onResource(record: BusRecord): Promise<void> {
    const [kind, name = ''] = (record.key?.toString() ?? '').split('/');
    if (kind !== 'Source') return;
    try {
      const resource =
        record.value === null ? null : parseResource(registry.Resource.fromJSON(JSON.parse(record.value.toString())));
      if (resource?.kind === 'Source' && resource.spec.batch !== undefined)
        await this.#begin(name, resource.spec, resource.spec.batch);
      else this.#end(name);
    } catch (error) {
      const isPassing = (error as { readonly kind?: unknown } | null)?.kind === 'retryable';
      if (isPassing) throw error;
      this.#options.telemetry.sourceFailed(name, error);
    }
  }

  async #begin(name: string, spec: SourceSpec, batch: BatchSpec): Promise<void> {
    const definition = canonicalJson(spec);
    if (this.#running.get(name) === definition) return;
    const { bus, connect, registryOf, telemetry, clock } = this.#options;
    await bus.ensureTopics([{ name: spec.topic, partitions: spec.partitions }]);
    if (!this.#running.has(name)) telemetry.sourceStarted(name, batch.kind);
    this.#running.set(name, definition);
    this.#feeds.set(
      name,
      createBatchFeed({ source: name, spec, batch, connect: () => connect(name, batch), registryOf, telemetry, clock }),
    );
  }

  #end(name: string): void {
    if (!this.#running.delete(name)) return;
    this.#feeds.set(name, null);
    this.#options.telemetry.sourceEnded(name);
  }
}
