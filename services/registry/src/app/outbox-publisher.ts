import { resourceKey } from '@everloop/contracts';
import { deferred, type Health, type Part, retry } from '@everloop/service';
import type { EventPublisher, Outbox, RegistryStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { resourceEvent } from './events.ts';

/** Events published at a time: one request to the broker. */
const batchEvents = 200;
/** Pauses between tries while Kafka is away. */
const backOff = { initialMs: 200, maxMs: 5_000 };

/** A request to Kafka that takes longer means that Kafka is away, milliseconds. */
const promptMs = 5_000;
/** How long a stop waits for a request to Kafka that is under way, milliseconds; the events stay queued if it does not end. */
const finishMs = 3_000;

/** Where the publisher takes events from and gives them to. */
export interface OutboxPublisherOptions {
  readonly store: RegistryStore;
  readonly publisher: EventPublisher;
  readonly telemetry: Telemetry;
  /** Topic of the resources. */
  readonly topic: string;
}

/**
 * Publishes the outbox in order and forgets what is acknowledged. Stopped or killed anywhere, the next start goes on where this
 * one was: what was published but not yet forgotten is published again with the same id. Kafka being away is waited out.
 */
export function createOutboxPublisher(options: OutboxPublisherOptions): Part & Outbox {
  const { store, publisher, telemetry } = options;
  const stopping = new AbortController();
  const abandoned = deferred();
  const failed = deferred<unknown>();
  let trouble: string | null = null;
  let pendingSince: number | null = null;
  let signal = (): void => undefined;
  let running: Promise<void> | null = null;

  const patiently = <T>(work: () => Promise<T>): Promise<T> =>
    retry(work, {
      ...backOff,
      signal: stopping.signal,
      onRetry: (error: unknown) => {
        trouble = `Kafka does not take events (${error instanceof Error ? error.message : String(error)})`;
        telemetry.eventsWait(store.queuedCount(), error);
      },
    });

  async function run(): Promise<void> {
    await patiently(async () => {
      await publisher.prepare();
      republishLost(options, await publisher.publishedResources());
    });
    while (!stopping.signal.aborted) {
      const woken = new Promise<void>((resolve) => (signal = resolve));
      const events = store.queued(batchEvents);
      const last = events[events.length - 1];
      if (last === undefined) {
        trouble = null;
        await woken;
        continue;
      }
      pendingSince = performance.now();
      const isAcknowledged = await patiently(() =>
        Promise.race([publisher.publish(events).then(() => true), abandoned.promise]),
      );
      if (isAcknowledged !== true) return;
      trouble = null;
      pendingSince = null;
      store.published(last.sequence);
      telemetry.eventsPublished(events.length, store.queuedCount());
    }
  }

  return {
    name: 'registry-outbox',
    start: async () => {
      running ??= run().catch((error: unknown) => {
        // A stop ends the wait for Kafka with an error; every other one must end the process.
        if (!stopping.signal.aborted) failed.resolve(error);
      });
    },
    stop: async () => {
      stopping.abort();
      signal();
      const timer = setTimeout(() => abandoned.resolve(), finishMs);
      await running;
      clearTimeout(timer);
    },
    failed: failed.promise,
    health: (): Health => {
      const isSlow = pendingSince !== null && performance.now() - pendingSince > promptMs;
      if (trouble === null && !isSlow) return { ok: true };
      return {
        ok: false,
        reason: `${store.queuedCount()} events wait: ${trouble ?? 'Kafka has not acknowledged them yet'}`,
      };
    },
    wake: () => signal(),
  };
}

/** A new or emptied broker has not got the resources that were applied before: they are queued again, with the same ids. */
function republishLost(
  { store, telemetry, topic }: OutboxPublisherOptions,
  published: ReadonlyMap<string, { readonly digest: string; readonly revision: number }>,
): void {
  const lost = store.transaction((writer) => {
    const queued = new Set(writer.queued(Number.MAX_SAFE_INTEGER).map((event) => event.key));
    const missing = writer.resources().filter((resource) => {
      const there = published.get(resourceKey(resource));
      return (
        !queued.has(resourceKey(resource)) &&
        (there?.digest !== resource.digest || there.revision !== resource.revision)
      );
    });
    for (const resource of missing) writer.enqueue(resourceEvent(topic, resource));
    return missing;
  });
  if (lost.length > 0) telemetry.resourcesRepublished(lost.map(resourceKey));
}
