import confluent from '@kafkajs/confluent-schema-registry';
import { describe, expect, it } from 'vitest';
import { createDecoder, createEncoder, createSchemaRegistry, type EncoderOptions } from '../src/index.ts';

const { SchemaRegistry, SchemaType } = confluent;

const flight = { id: 'DL1', miles: 760, delay: -2.5 };

const formats = [
  {
    format: 'avro' as const,
    type: SchemaType.AVRO,
    schema: JSON.stringify({
      type: 'record',
      name: 'Flight',
      namespace: 'air',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'miles', type: 'int' },
        { name: 'delay', type: ['null', 'double'] },
      ],
    }),
  },
  {
    format: 'json-schema' as const,
    type: SchemaType.JSON,
    schema: JSON.stringify({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { id: { type: 'string' }, miles: { type: 'integer' }, delay: { type: 'number' } },
      required: ['id'],
    }),
  },
  {
    format: 'protobuf' as const,
    type: SchemaType.PROTOBUF,
    schema:
      'syntax = "proto3"; package air; message Flight { string id = 1; int32 miles = 2; optional double delay = 3; }',
  },
];

/** An unmodified client of the Confluent Schema Registry writes, this library reads, and the other way round, through the registry at `url()`. */
export function describePeers(url: () => string): void {
  describe.each(formats)('@kafkajs/confluent-schema-registry, $format', ({ format, type, schema }) => {
    it('what it registers and encodes is decoded here', async () => {
      const client = new SchemaRegistry({ host: url() });
      const { id } = await client.register({ type, schema } as Parameters<typeof client.register>[0], {
        subject: `peer-${format}-value`,
      });
      const record = { value: await client.encode(id, flight), headers: {} };
      const decoder = createDecoder(format, () => createSchemaRegistry({ url: url() }), { recordBytesMax: 1_048_576 });
      await decoder.prefetch([record]);
      expect(decoder.decode(record.value, record)).toEqual({ record: flight, poison: null });
    });

    it('what is registered and encoded here is decoded by it', async () => {
      const registry = createSchemaRegistry({ url: url() });
      const options: EncoderOptions = { format, registry, subject: `own-${format}-value`, schema };
      const { value } = (await createEncoder(options)).encode(flight);
      const decoded: unknown = await new SchemaRegistry({ host: url() }).decode(value);
      expect({ ...(decoded as object) }).toEqual(flight);
    });
  });
}
