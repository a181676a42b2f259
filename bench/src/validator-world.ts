import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  registry,
  resourceKey,
  topics,
  toWire,
  type FieldContract,
  type SourceFormat,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';
import { createKafkaBus, type Bus, type OutRecord } from '@everloop/kafka';
import { freePorts, startLocalKafka, type LocalKafka } from '@everloop/local';
import { createEncoder, createSchemaRegistry } from '@everloop/records';
import { startMiniRegistry, type MiniRegistry } from '@everloop/records/testing';
import { createLogger, createMetrics } from '@everloop/service';

export const partitions = 4;
const publishedTogether = 5_000;
const startMs = Date.UTC(2026, 0, 1);

/** Twenty columns with every kind of rule; `amount` is a number in Avro, which has no text to judge digits by. */
function fields(format: SourceFormat): Record<string, FieldContract> {
  const text = (more: Partial<FieldContract> = {}): FieldContract => ({ type: 'string', required: true, ...more });
  const whole = (min: number, max: number): FieldContract => ({ type: 'integer', required: true, min, max });
  return {
    order_id: text({ pattern: '^ord-[0-9]{9}$' }),
    customer: text({ minLength: 2, maxLength: 32 }),
    email: text({ maxLength: 254, pattern: '^[a-z0-9.]+@[a-z0-9.]+$' }),
    country: text({ pattern: '^[A-Z]{2}$' }),
    currency: text({ values: ['EUR', 'USD', 'GBP', 'JPY', 'CHF'] }),
    channel: text({ values: ['web', 'app', 'shop', 'phone'] }),
    amount:
      format === 'json'
        ? { type: 'decimal', required: true, min: 0, precision: 12, scale: 2 }
        : { type: 'number', required: true, min: 0 },
    discount: { type: 'number', required: true, min: 0, max: 1 },
    quantity: whole(1, 1_000),
    latitude: { type: 'number', required: true, min: -90, max: 90 },
    longitude: { type: 'number', required: true, min: -180, max: 180 },
    score: { type: 'number', required: false, min: 0, max: 1 },
    age: { type: 'integer', required: false, min: 0, max: 130 },
    is_new: { type: 'boolean', required: true },
    is_gift: { type: 'boolean', required: true },
    note: { type: 'string', required: false, maxLength: 200 },
    device: text({ minLength: 1, maxLength: 64 }),
    session: text({ minLength: 16, maxLength: 16 }),
    ordered_at: { type: 'timestamp', required: true },
    paid_at: { type: 'timestamp', required: false },
  };
}

export function source(topic: string, format: SourceFormat, schemaRegistry: string): SourceSpec {
  return {
    ...{ topic, partitions, format, key: 'customer', eventTime: 'ordered_at', allowedLatenessMs: 0 },
    ...{ unexpected: 'reject', compatibility: 'backward', unique: [], fields: fields(format) },
    ...(format === 'json' ? {} : { schemaRegistry }),
    rules: [
      {
        name: 'discount_of_few',
        cel: 'record.quantity < 100.0 || record.discount <= 0.5',
        description: 'large orders',
      },
    ],
  };
}

const countries = ['DE', 'FR', 'US', 'GB', 'JP', 'CH', 'IT'];
const notes = [null, 'leave at the door', 'ring twice – second floor', null];

/** An order; every hundredth breaks one or two rules, each in another way. */
export function order(number: number): Record<string, unknown> {
  const at = startMs + number * 250;
  const good = {
    order_id: `ord-${String(number).padStart(9, '0')}`,
    customer: `c${number % 50_000}`,
    email: `user.${number % 50_000}@example.com`,
    country: countries[number % countries.length],
    currency: ['EUR', 'USD', 'GBP', 'JPY', 'CHF'][number % 5],
    channel: ['web', 'app', 'shop', 'phone'][number % 4],
    amount: ((number * 7_919) % 1_000_000) / 100,
    discount: (number % 50) / 100,
    quantity: 1 + (number % 90),
    latitude: ((number * 31) % 18_000) / 100 - 90,
    longitude: ((number * 37) % 36_000) / 100 - 180,
    score: number % 3 === 0 ? null : (number % 1_000) / 1_000,
    age: 18 + (number % 70),
    is_new: number % 9 === 0,
    is_gift: number % 17 === 0,
    note: notes[number % notes.length] ?? null,
    device: `Mozilla/5.0 (build ${number % 400})`,
    session: String(number * 104_729)
      .padStart(16, '0')
      .slice(-16),
    ordered_at: new Date(at).toISOString(),
    paid_at: number % 5 === 0 ? null : new Date(at + 42_000).toISOString(),
  };
  if (number % 100 !== 99) return good;
  const broken = [{ currency: 'XXX' }, { discount: 2, quantity: 500 }, { order_id: 'ord-1' }, { latitude: 91 }];
  return { ...good, ...broken[Math.floor(number / 100) % broken.length] };
}

const avroSchema = JSON.stringify({
  type: 'record',
  name: 'Order',
  fields: Object.entries(fields('avro')).map(([name, { type, required }]) => {
    const plain: Readonly<Record<string, string>> = { string: 'string', boolean: 'boolean', number: 'double' };
    // A logical type in a union with null cannot be told from a number when it is written.
    const time = { type: 'long', logicalType: 'timestamp-millis' };
    const avro = plain[type] ?? (type === 'timestamp' && required ? time : 'long');
    return { name, type: required ? avro : ['null', avro] };
  }),
});

/** Orders as they lie in the source topic. */
async function* records(count: number, format: SourceFormat, topic: string, url: string): AsyncGenerator<OutRecord[]> {
  const avro =
    format === 'avro'
      ? await createEncoder({ format, registry: createSchemaRegistry({ url }), subject: topic, schema: avroSchema })
      : null;
  const valueOf = (number: number): Buffer | string => {
    const fieldsOf = order(number);
    if (avro === null) return JSON.stringify(fieldsOf);
    const time = (text: unknown): number | null => (typeof text === 'string' ? Date.parse(text) : null);
    return avro.encode({ ...fieldsOf, ordered_at: time(fieldsOf['ordered_at']), paid_at: time(fieldsOf['paid_at']) })
      .value;
  };
  for (let from = 0; from < count; from += publishedTogether) {
    const size = Math.min(publishedTogether, count - from);
    yield Array.from({ length: size }, (_, i) => {
      const number = from + i;
      return { topic, partition: number % partitions, key: `c${number % 50_000}`, value: valueOf(number) };
    });
  }
}

export interface ValidatorWorld {
  readonly folder: string;
  readonly kafka: LocalKafka;
  readonly bus: Bus;
  /** Publishes `count` records of a format and applies the Source that judges them; resolves with the topic's name. */
  prepare(format: SourceFormat, count: number): Promise<string>;
  close(): Promise<void>;
}

/** A broker and a schema registry of its own. */
export async function createValidatorWorld(): Promise<ValidatorWorld> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-bench-'));
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const kafka = await startLocalKafka({ dir: folder, port, controllerPort, log: (line) => console.error(line) });
  const logger = createLogger({ service: 'bench', level: 'error' });
  const metrics = createMetrics('bench');
  const bus = createKafkaBus({ brokers: [kafka.brokers], clientId: 'bench', logger, metrics });
  const schemas: MiniRegistry = await startMiniRegistry();
  await bus.start();
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
  const publisher = bus.publisher({ name: 'bench' });
  await publisher.start();
  return {
    folder,
    kafka,
    bus,
    async prepare(format, count) {
      const topic = `orders.${format}`;
      await bus.ensureTopics([{ name: topic, partitions }]);
      for await (const portion of records(count, format, topic, schemas.url)) await publisher.publish(portion);
      const resource: TypedResource = {
        kind: 'Source',
        name: `orders-${format}`,
        revision: 1,
        spec: source(topic, format, schemas.url),
      };
      const value = JSON.stringify(registry.Resource.toJSON(toWire(resource)));
      await publisher.publish([{ topic: topics.resources, partition: 0, key: resourceKey(resource), value }]);
      return topic;
    },
    async close() {
      await publisher.stop();
      await bus.stop();
      await schemas.stop();
      await kafka.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
