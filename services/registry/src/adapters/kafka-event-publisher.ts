import { registry, resourceKey } from '@everloop/contracts';
import type { Bus, Publisher } from '@everloop/kafka';
import type { EventPublisher, RegistryTopics } from '../ports.ts';

/** Publishes the registry's events to Kafka. */
export function createKafkaEventPublisher(bus: Bus, publisher: Publisher, topics: RegistryTopics): EventPublisher {
  return {
    async prepare() {
      await bus.ensureTopics([
        { name: topics.resources, partitions: 1, compacted: true },
        // What happened to a version is kept for ever: a service that starts a year later follows it from the beginning.
        { name: topics.modelVersion, partitions: 1, config: { 'retention.ms': '-1' } },
      ]);
    },
    publish: (events) =>
      publisher.publish(events.map(({ topic, key, value, headers }) => ({ topic, key, value, headers }))),
    async publishedResources() {
      const found = new Map<string, { revision: number; digest: string }>();
      await bus.readAll([topics.resources], ({ records }) => {
        for (const { key, value } of records) {
          if (value === null) {
            if (key !== null) found.delete(key.toString());
            continue;
          }
          const resource = readResource(value);
          if (resource !== null)
            found.set(resourceKey(resource), { revision: resource.revision, digest: resource.digest });
        }
      });
      return found;
    },
  };
}

/** Null for what this registry did not write: its own resource is then missing and published again. */
function readResource(value: Buffer): registry.Resource | null {
  try {
    return registry.Resource.fromJSON(JSON.parse(value.toString()));
  } catch {
    return null;
  }
}
