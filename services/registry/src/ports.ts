import type { registry } from '@everloop/contracts';
import type { LedgerEntry, LedgerFact } from './domain/ledger.ts';
import type { Stage } from './domain/stages.ts';
import type { StoredVersion } from './domain/versions.ts';

/** The topics that the registry writes, `topics` of @everloop/contracts outside tests. */
export interface RegistryTopics {
  readonly resources: string;
  readonly modelVersion: string;
}

/** An event that waits to be published. */
export interface OutboxEvent {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event in the order in which it must be published. */
export interface QueuedEvent extends OutboxEvent {
  readonly sequence: number;
}

/** What can be read of the registry. */
export interface RegistryReader {
  /** All resources, or those of one kind, by kind and name. */
  resources(kind?: string): registry.Resource[];
  /** All versions, or those of one model, by model and number. */
  versions(model?: string): StoredVersion[];
  version(model: string, version: string): StoredVersion | null;
  versionOfJob(model: string, jobId: string): StoredVersion | null;
  /** The ledger from its beginning. */
  entries(): Iterable<LedgerEntry>;
  /** The first events that wait, in order. */
  queued(limit: number): QueuedEvent[];
  queuedCount(): number;
}

/** What can be written within a transaction. */
export interface RegistryWriter extends RegistryReader {
  append(fact: LedgerFact): LedgerEntry;
  putResource(resource: registry.Resource): void;
  addVersion(version: StoredVersion): void;
  setStage(model: string, version: string, stage: Stage): void;
  enqueue(event: OutboxEvent): void;
}

/** Keeps the ledger, its present state, and the events that are still to be published; all of it changes together or not at all. */
export interface RegistryStore extends RegistryReader {
  /** Runs `work` alone; what it wrote is durable when this returns, or gone when it throws. */
  transaction<T>(work: (writer: RegistryWriter) => T): T;
  /** Forgets events up to `sequence`: they are published. */
  published(sequence: number): void;
  close(): void;
}

/** Publishes the registry's events. */
export interface EventPublisher {
  /** Makes the topics. Rejects while the broker is away. */
  prepare(): Promise<void>;
  /** Resolves when all are acknowledged; order is kept within a topic. */
  publish(events: readonly OutboxEvent[]): Promise<void>;
  /** Revision and digest of each resource as its topic has it now, by `<kind>/<name>`. */
  publishedResources(): Promise<ReadonlyMap<string, { readonly revision: number; readonly digest: string }>>;
}

/** Told after each commit that events wait. */
export interface Outbox {
  wake(): void;
}
