import { parseResources } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { inferSource } from './infer-source.ts';
import { readTopic, type ReadRequest } from './read-topic.ts';
import { sourceYaml } from './source-yaml.ts';

export interface InferRequest extends ReadRequest {
  /** Name of the Source; by default the topic's, as far as it can be one. */
  readonly name?: string;
  readonly margin: number | null;
  readonly key?: string;
  readonly eventTime?: string;
}

/** A first contract for a topic, as a resource that `everloop apply` takes. */
export async function inferContract(bus: Bus, request: InferRequest): Promise<string> {
  const { profile, partitions, format } = await readTopic(bus, request);
  const { topic, margin, key, eventTime, env } = request;
  const schemaRegistry = request.schemaRegistry ?? env['EVL_SCHEMA_REGISTRY_URL'];
  const source = inferSource(profile, {
    ...{ topic, margin, partitions, format, name: request.name ?? sourceName(topic) },
    ...(schemaRegistry === undefined ? {} : { schemaRegistry }),
    ...(key === undefined ? {} : { key }),
    ...(eventTime === undefined ? {} : { eventTime }),
  });
  const text = sourceYaml(source);
  // What is printed must load: a contract that does not is a bug here, and says so.
  parseResources([{ name: 'inferred.yaml', text }]);
  return text;
}

/** @example sourceName('Flights.Scheduled_v1') // 'flights-scheduled_v1' */
export function sourceName(topic: string): string {
  const name = topic
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+/, '');
  return name === '' ? 'source' : name.slice(0, 63);
}
