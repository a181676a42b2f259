import { registry, toWire, topics, type SourceFormat, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, OutRecord } from '@everloop/kafka';
import { createEncoder, createSchemaRegistry, type RecordEncoder, type SchemaRegistry } from '@everloop/records';
import { startMiniRegistry, type MiniRegistry } from '@everloop/records/testing';
import { createLogger, createMetrics } from '@everloop/service';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sources } from '../src/app/sources.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

let inner: Bus;
let bus: Bus;
let mini: MiniRegistry;
let schemas: SchemaRegistry;
let sources: Sources;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('formats'));
  mini = await startMiniRegistry();
  schemas = createSchemaRegistry({ url: mini.url });
  const logger = createLogger({ service: 'test', level: 'silent' });
  const metrics = createMetrics('test');
  sources = new Sources({
    stream: bus,
    telemetry: createTelemetry(logger, metrics),
    qualityTelemetry: createQualityTelemetry(logger, metrics),
    limits: { recordBytesMax: 1_048_576, uniqueEntriesMax: 1_000 },
  });
  await sources.start();
});
afterAll(async () => {
  await sources.stop();
  await mini.stop();
  await inner.stop();
});

const texts = {
  avro: JSON.stringify({
    type: 'record',
    name: 'Flight',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'delay', type: ['null', 'double'] },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ],
  }),
  'json-schema': JSON.stringify({ type: 'object', required: ['id'], properties: { id: { type: 'string' } } }),
  protobuf: 'syntax = "proto3"; message Flight { string id = 1; optional double delay = 2; int64 at = 3; }',
};

function spec(topic: string, format: SourceFormat): SourceSpec {
  return {
    ...{ topic, partitions: 1, format, schemaRegistry: mini.url, key: 'id', eventTime: 'at', allowedLatenessMs: 0 },
    ...{ unexpected: 'reject', compatibility: 'backward', unique: [], rules: [] },
    fields: {
      id: { type: 'string', required: true },
      delay: { type: 'number', required: true, min: 0 },
      at: { type: 'timestamp', required: true },
    },
  };
}

async function publish(records: readonly OutRecord[]): Promise<void> {
  const publisher = bus.publisher({ name: 'test' });
  await publisher.publish(records);
  await publisher.stop();
}

async function apply(name: string, source: SourceSpec): Promise<void> {
  const wire = toWire({ kind: 'Source', name, revision: 1, spec: source });
  const value = JSON.stringify(registry.Resource.toJSON(wire));
  await publish([{ topic: topics.resources, partition: 0, key: `Source/${name}`, value }]);
  await eventually(async () => (await bus.partitionCount(`${source.topic}.quarantine`)) === 1);
}

async function read(topic: string): Promise<BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([topic], (batch) => void found.push(...batch.records));
  return found;
}

function rulesOf({ headers }: BusRecord): string[] {
  return (JSON.parse(headers['evl-reasons'] ?? '[]') as { rule: string }[]).map(({ rule }) => rule);
}

function record(topic: string, encoder: RecordEncoder, fields: object): OutRecord {
  return { topic, partition: 0, key: 'k', ...encoder.encode(fields) };
}

describe.each(['avro', 'json-schema', 'protobuf'] as const)('a Source in %s', (format) => {
  it('is judged by its contract; bytes, schema ids and headers stay', async () => {
    const topic = `flights.${format}`;
    await apply(`flights-${format}`, spec(topic, format));
    const options = { format, registry: schemas, subject: topic, schema: texts[format] };
    const encoder = await createEncoder(options);
    const headed = await createEncoder({ ...options, placement: 'header' });
    const good = { id: 'a', delay: 1, at: 1_357_000_000_000 };
    const sent: OutRecord[] = [
      record(topic, encoder, good),
      record(topic, headed, good),
      record(topic, encoder, { ...good, delay: -1 }),
      record(topic, encoder, { id: 'b', at: 5, ...(format === 'avro' ? { delay: null } : {}) }),
      { topic, partition: 0, key: 'k', value: Buffer.from([0, 0, 0xff, 0, 9, 1]) },
      { topic, partition: 0, key: 'k', value: JSON.stringify(good) },
      {
        topic,
        partition: 0,
        key: 'k',
        value: Buffer.concat([encoder.encode(good).value.subarray(0, 6), Buffer.from([0xff])]),
      },
      { topic, partition: 0, key: 'k', value: null },
    ];
    await publish(sent);
    const quarantined = await eventually(async () => {
      const found = await read(`${topic}.quarantine`);
      return found.length === 6 ? found : null;
    });
    const valid = await read(`${topic}.valid`);
    expect(valid.map(({ value }) => value)).toEqual(sent.slice(0, 2).map(({ value }) => value));
    expect(valid[1]?.headers['__value_schema_id']).toBe(sent[1]?.rawHeaders?.['__value_schema_id']?.[0]?.toString());
    expect(quarantined.map(rulesOf)).toEqual([
      ['min'],
      ['required'],
      ['schema_unknown'],
      ['no_schema_id'],
      [{ avro: 'not_avro', 'json-schema': 'not_utf8', protobuf: 'not_protobuf' }[format]],
      ['null_value'],
    ]);
  });
});

it('records wait while the registry is away, and none is lost or taken for poison', async () => {
  const topic = 'waiting.avro';
  await apply('waiting-avro', spec(topic, 'avro'));
  const encoder = await createEncoder({ format: 'avro', registry: schemas, subject: topic, schema: texts.avro });
  mini.outage = 503;
  const asked = mini.requests.length;
  await publish([
    record(topic, encoder, { id: 'a', delay: 1, at: 5 }),
    record(topic, encoder, { id: 'b', delay: -1, at: 5 }),
  ]);
  await eventually(() => mini.requests.length > asked + 1);
  await eventually(() => !sources.health().ok);
  expect(sources.health()).toMatchObject({ ok: false, reason: expect.stringContaining('schema registry') });
  expect(await read(`${topic}.quarantine`)).toEqual([]);
  mini.outage = null;
  await eventually(async () => (await read(`${topic}.quarantine`)).length === 1);
  expect((await read(`${topic}.valid`)).length).toBe(1);
  await eventually(() => sources.health().ok);
});
