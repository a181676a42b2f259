import { serving, topics, validTopic, type ModelSpec } from '@everloop/contracts';
import {
  differencesOf,
  FeatureError,
  isSampled,
  planLookup,
  requestOf,
  unknownKeys,
  type LookupPlan,
} from '@everloop/features';
import type { Batch, Bus, SinkHandler } from '@everloop/kafka';
import { pause, type Part } from '@everloop/service';

import { ParityQueue, type ParityItem } from '../domain/parity-queue.ts';
import { definitionsOf, type Topology } from '../domain/topology.ts';
import type { ParityTelemetry } from '../parity-telemetry.ts';
import type { History, ParityPositions } from '../ports.ts';

export interface ParityCheckOptions {
  readonly bus: Pick<Bus, 'sink' | 'offsets' | 'readRanges'>;
  /** The topology now. */
  readonly topology: () => Topology;
  /** When a resource last changed, epoch milliseconds of wall-clock time; by `<kind>/<name>`. */
  readonly changedAtMs: (resource: string) => number;
  readonly history: Pick<History, 'pointInTime' | 'landed'>;
  readonly positions: ParityPositions;
  readonly telemetry: ParityTelemetry;
  /** Share of predictions that is compared, 0 to 1. */
  readonly share: number;
  /** Pause between two rounds, milliseconds; each makes at most one query per model. */
  readonly everyMs: number;
  /** Most predictions of a round. */
  readonly batchMax: number;
  /** Most predictions that wait. */
  readonly queueMax: number;
  /** Predictions so long after a change of a definition may still be of the one before, milliseconds. */
  readonly redefinedMs?: number;
}

/** Offsets that the history must reach before what was served by then can be computed again. */
interface Barrier {
  readonly until: number;
  readonly ends: { readonly topic: string; readonly partition: number; readonly end: bigint }[];
}

interface Work {
  readonly spec: ModelSpec;
  readonly plan: LookupPlan;
  readonly resources: readonly string[];
}

const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };

/** Offsets without a record (marks of transactions) that may lie between the history and the end of a topic. */
const gapMax = 1_000n;
const failuresMax = 5;

/**
 * Compares what models saw with what the history says, without end: follows the served predictions, takes a share of them by decision id,
 * waits until the history holds everything that was on the log when they were served, computes their rows point-in-time and compares the
 * values to the bit. What waits survives a restart: the stored position is the oldest prediction that waits.
 */
export class ParityCheck implements Part {
  readonly name = 'parity';
  readonly #options: ParityCheckOptions;
  readonly #queue: ParityQueue;
  readonly #stopping = new AbortController();
  readonly #stored = new Map<number, bigint>();
  readonly #sink: Part;
  #barrier: Barrier | null = null;
  #failures = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ParityCheckOptions) {
    this.#options = options;
    this.#queue = new ParityQueue(options.queueMax);
    this.#sink = options.bus.sink({
      groupId: 'everloop.feature-store.parity',
      inputs: [topics.inferenceServed],
      handler: this.#handler(),
    });
  }

  // No health: a store that cannot compare still serves, and the topic of predictions comes with the first gateway.
  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.#sink.start();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sink.stop();
    await this.#running;
    await this.#store();
  }

  #handler(): SinkHandler {
    const { positions, bus, telemetry } = this.#options;
    return {
      position: async (topic, partition) => {
        const stored = await positions.read(partition);
        const end = (await bus.offsets(topic)).find((found) => found.partition === partition)?.high ?? 0n;
        return stored === null || stored > end ? null : stored;
      },
      apply: (batch, { nextOffset }) => {
        telemetry.skipped('queue', this.#queue.add(batch.partition, this.#chosen(batch), nextOffset));
        telemetry.waiting(this.#queue.size);
        return Promise.resolve();
      },
      released: (_topic, partition) => {
        this.#queue.release(partition);
        this.#stored.delete(partition);
      },
    };
  }

  #chosen(batch: Batch): ParityItem[] {
    const chosen: ParityItem[] = [];
    for (const { value, partition, offset, timestampMs } of batch.records) {
      const inference = value === null ? null : decoded(value);
      if (inference === null || !isSampled(inference.decisionId, this.#options.share)) continue;
      chosen.push({ partition, offset, servedAtMs: timestampMs, inference });
    }
    return chosen;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await pause(this.#options.everyMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.round();
        this.#failures = 0;
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** Once: compares the oldest predictions, if the history holds what they need. */
  async round(): Promise<void> {
    const { telemetry, batchMax } = this.#options;
    if (this.#queue.size > 0) {
      this.#barrier ??= { until: this.#queue.next, ends: await this.#ends() };
      if (await this.#isLanded(this.#barrier)) {
        const items = this.#queue.oldest(this.#barrier.until, batchMax);
        for (const [model, part] of byModel(items)) await this.#compare(model, part);
        this.#queue.remove(items);
        if (items.length < batchMax) this.#barrier = null;
      }
      telemetry.waiting(this.#queue.size);
    }
    await this.#store();
  }

  /** What cannot be compared again and again must not keep the rest waiting. */
  #failed(error: unknown): void {
    const { telemetry, batchMax } = this.#options;
    telemetry.roundFailed(error);
    this.#failures += 1;
    if (this.#failures < failuresMax) return;
    const items = this.#queue.oldest(this.#queue.next, batchMax);
    this.#queue.remove(items);
    this.#failures = 0;
    telemetry.skipped('failed', items.length);
  }

  async #compare(model: string, items: readonly ParityItem[]): Promise<void> {
    const { telemetry, history, changedAtMs, redefinedMs = 10_000 } = this.#options;
    const work = workOf(this.#options.topology(), model);
    if (typeof work === 'string') {
      telemetry.skipped('unknown', items.length, `${model}: ${work}`);
      return;
    }
    const sinceMs = Math.max(...work.resources.map(changedAtMs)) + redefinedMs;
    const current = items.filter(({ servedAtMs }) => servedAtMs >= sinceMs);
    telemetry.skipped('redefined', items.length - current.length);
    if (current.length === 0) return;
    const rows = await history.pointInTime(
      work.plan,
      current.map(({ inference }) => ({ request: requestOf(work.spec, inference), asOfMs: inference.eventTimeMs })),
    );
    // Only what comes from a view is computed again: request fields are given, and features made of others follow from these.
    const compared = work.plan.inputs.flatMap(({ name, origin }, at) => (origin.kind === 'view' ? [{ name, at }] : []));
    const names = compared.map(({ name }) => name);
    current.forEach((item, index) => {
      const values = compared.map(({ at }) => rows[index]?.values[at] ?? missing);
      const { inputNames } = item.inference;
      telemetry.checked(item, {
        values: names.filter((name) => inputNames.includes(name)).length,
        differences: differencesOf(item.inference, names, values),
      });
    });
  }

  /** Ends of all topics that feed a model, now: whatever was on the log when the waiting predictions were served lies before. */
  async #ends(): Promise<Barrier['ends']> {
    const ends: Barrier['ends'] = [];
    for (const topic of sourceTopics(this.#options.topology())) {
      for (const { partition, high } of await this.#options.bus.offsets(topic))
        ends.push({ topic, partition, end: high });
    }
    return ends;
  }

  async #isLanded({ ends }: Barrier): Promise<boolean> {
    const { history, bus } = this.#options;
    for (const { topic, partition, end } of ends) {
      const landed = BigInt(await history.landed(topic, partition));
      if (landed >= end) continue;
      if (end - landed > gapMax) return false;
      let records = 0;
      await bus.readRanges([{ topic, partition, from: landed, until: end }], (batch) => {
        records += batch.records.length;
      });
      if (records > 0) return false;
    }
    return true;
  }

  async #store(): Promise<void> {
    for (const [partition, nextOffset] of this.#queue.positions()) {
      if (this.#stored.get(partition) === nextOffset) continue;
      await this.#options.positions.write(partition, nextOffset);
      this.#stored.set(partition, nextOffset);
    }
  }
}

function decoded(value: Buffer): serving.Inference | null {
  try {
    return serving.Inference.decode(value);
  } catch {
    // The services whose work depends on it stop at such a record and say so.
    return null;
  }
}

function byModel(items: readonly ParityItem[]): ReadonlyMap<string, readonly ParityItem[]> {
  return Map.groupBy(items, ({ inference }) => inference.model);
}

function sourceTopics(topology: Topology): ReadonlySet<string> {
  const views = new Set([...topology.models.values()].flatMap((spec) => spec.views.map(({ view }) => view)));
  const sources = [...views].flatMap((view) => topology.catalog.views.get(view)?.source ?? []);
  return new Set(
    sources.flatMap((source) => topology.catalog.sources.get(source) ?? []).map(({ topic }) => validTopic(topic)),
  );
}

/** How a model's inputs are computed again, or why they cannot be. */
function workOf(topology: Topology, model: string): Work | string {
  const spec = topology.models.get(model);
  if (spec === undefined) return 'there is no such Model';
  const unknown = unknownKeys(spec);
  if (unknown.length > 0) return `${unknown.join(', ')} is not in the prediction log`;
  try {
    const plan = planLookup(spec, topology.catalog);
    const resources = definitionsOf(topology, model, plan).map(({ kind, name }) => `${kind}/${name}`);
    return { spec, plan, resources };
  } catch (error) {
    if (error instanceof FeatureError) return error.message;
    throw error;
  }
}
