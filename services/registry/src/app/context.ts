import { outboxFull } from '../errors.ts';
import type { Outbox, RegistryReader, RegistryStore, RegistryTopics } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

/** What every handler works with. */
export interface AppContext {
  readonly store: RegistryStore;
  readonly outbox: Outbox;
  readonly telemetry: Telemetry;
  readonly topics: RegistryTopics;
  /** Most events that may wait for Kafka before writes are refused. */
  readonly outboxEventsMax: number;
}

/** Refuses a write while too many events wait already: full means back-pressure, never loss. */
export function requireRoom(reader: RegistryReader, max: number): void {
  const waiting = reader.queuedCount();
  if (waiting >= max) throw outboxFull(waiting, max);
}
