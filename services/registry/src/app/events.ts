import { encodeEvent, eventId, registry, resourceKey } from '@everloop/contracts';
import { resourceEventId } from '../domain/resources.ts';
import type { OutboxEvent, RegistryTopics } from '../ports.ts';

const source = 'everloop/registry';

/** The event that a resource has a new revision. Belongs to no event time. */
export function resourceEvent(topic: RegistryTopics['resources'], resource: registry.Resource): OutboxEvent {
  const key = resourceKey(resource);
  const data = registry.Resource.toJSON(resource);
  return { topic, key, ...encodeEvent({ id: resourceEventId(resource), type: topic, source, subject: key, data }) };
}

/** What happened to a version. */
export interface VersionChange extends Omit<registry.VersionChanged, 'id' | 'version'> {
  readonly version: registry.ModelVersion;
  readonly cause: string;
}

/** The event that a version was registered or moved. `cause` is the hash of the ledger entry, which makes the id. */
export function versionEvent(topic: RegistryTopics['modelVersion'], changed: VersionChange): OutboxEvent {
  const { version, previousStage, reason, eventTimeMs, cause } = changed;
  const id = eventId('version', cause);
  const data = registry.VersionChanged.toJSON({ id, version, previousStage, reason, eventTimeMs });
  const key = version.model;
  return { topic, key, ...encodeEvent({ id, type: topic, source, subject: key, eventTimeMs, data }) };
}
