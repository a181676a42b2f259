import { parseResources } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { createEncoder, createSchemaRegistry } from '@everloop/records';
import { startMiniRegistry } from '@everloop/records/testing';
import { testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inferContract } from '../src/contracts/infer/index.ts';

let bus: Bus;
beforeAll(async () => {
  bus = await testBus();
});
afterAll(async () => await bus.stop());

const request = { records: 1_000, from: 'end', margin: 0.1, env: {} } as const;

async function fill(topic: string, value: (n: number) => Buffer | string): Promise<void> {
  await bus.ensureTopics([{ name: topic, partitions: 2 }]);
  const publisher = bus.publisher({ name: 'test' });
  await publisher.publish(
    Array.from({ length: 400 }, (_, n) => ({ topic, partition: n % 2, key: `k${n % 7}`, value: value(n) })),
  );
  await publisher.stop();
}

function fields(n: number) {
  return { id: `k${n % 7}`, at: Date.now(), delay: n % 50, place: ['EWR', 'JFK'][n % 2] };
}

it('a topic of JSON, its newest records only, with what could not be read', async () => {
  const topic = uniqueName('infer-json');
  await fill(topic, (n) => (n < 200 ? '{"old":true}' : n === 399 ? '{' : JSON.stringify(fields(n))));
  const text = await inferContract(bus, { ...request, topic, records: 200 });
  const [source] = parseResources([{ name: 'x.yaml', text }]);
  expect(source).toMatchObject({
    kind: 'Source',
    name: topic,
    spec: {
      ...{ topic, partitions: 2, format: 'json', key: 'id', eventTime: 'at', unexpected: 'report' },
      fields: {
        delay: { type: 'integer', required: true, min: 0, max: 54 },
        place: { values: ['EWR', 'JFK'] },
        at: { type: 'timestamp' },
      },
    },
  });
  expect(text).toContain('Not counted, since they could not be read: not_json 1.');
  expect(text).not.toContain('old');
});

it('a topic of Avro: the format is found out, and decimals are exact', async () => {
  const registry = await startMiniRegistry();
  const topic = uniqueName('infer-avro');
  const schema = JSON.stringify({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'price', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }] },
    ],
  });
  const encoder = await createEncoder({
    format: 'avro',
    registry: createSchemaRegistry({ url: registry.url }),
    subject: topic,
    schema,
  });
  await fill(topic, (n) => encoder.encode({ ...fields(n), price: n % 10 === 0 ? null : `${n}.25` }).value);
  await expect(inferContract(bus, { ...request, topic })).rejects.toThrow(/--schema-registry/);
  const text = await inferContract(bus, { ...request, topic, schemaRegistry: registry.url });
  const [source] = parseResources([{ name: 'x.yaml', text }]);
  expect(source?.spec).toMatchObject({
    ...{ format: 'avro', schemaRegistry: registry.url, key: 'id', eventTime: 'at' },
    fields: { price: { type: 'decimal', required: true, nullable: true, scale: 2 } },
  });
  await registry.stop();
});
