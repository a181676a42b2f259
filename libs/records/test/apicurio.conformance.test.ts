import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startLocalSchemaRegistry, type LocalSchemaRegistry } from '@everloop/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecoder, createEncoder, createSchemaRegistry, type SchemaRegistry } from '../src/index.ts';
import { describePeers } from './peer-suite.ts';

/** A Schema Registry of somebody else's making: Apicurio Registry, a real process. */
let server: LocalSchemaRegistry;
let registry: SchemaRegistry;
const dir = mkdtempSync(join(tmpdir(), 'everloop-apicurio-'));

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  server = await startLocalSchemaRegistry({ dir, port, log: () => undefined });
  registry = createSchemaRegistry({ url: server.url });
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

describePeers(() => server.url);

const decode = async (format: 'avro' | 'protobuf', value: Buffer): Promise<unknown> => {
  const decoder = createDecoder(format, () => registry, { recordBytesMax: 1_048_576 });
  await decoder.prefetch([{ value, headers: {} }]);
  return decoder.decode(value, { headers: {} });
};

describe('Apicurio Registry', () => {
  it('follows the references of an Avro schema', async () => {
    const place = JSON.stringify({
      type: 'record',
      name: 'Place',
      namespace: 'air',
      fields: [{ name: 'code', type: 'string' }],
    });
    await registry.register('air.Place', { type: 'AVRO', schema: place, references: [] });
    const schema = JSON.stringify({
      type: 'record',
      name: 'Leg',
      namespace: 'air',
      fields: [{ name: 'from', type: 'air.Place' }],
    });
    const references = [{ name: 'air.Place', subject: 'air.Place', version: 1 }];
    const encoder = await createEncoder({ format: 'avro', registry, subject: 'leg-value', schema, references });
    const { value } = encoder.encode({ from: { code: 'JFK' } });
    expect(await decode('avro', value)).toEqual({ record: { from: { code: 'JFK' } }, poison: null });
  });

  it('follows the imports of a Protobuf schema', async () => {
    const place = 'syntax = "proto3"; package air; message Place { string code = 1; }';
    await registry.register('air/place.proto', { type: 'PROTOBUF', schema: place, references: [] });
    const schema = 'syntax = "proto3"; package air; import "air/place.proto"; message Leg { Place from = 1; }';
    const references = [{ name: 'air/place.proto', subject: 'air/place.proto', version: 1 }];
    const encoder = await createEncoder({
      format: 'protobuf',
      registry,
      subject: 'leg-proto-value',
      schema,
      references,
    });
    const { value } = encoder.encode({ from: { code: 'JFK' } });
    expect(await decode('protobuf', value)).toEqual({ record: { from: { code: 'JFK' } }, poison: null });
  });

  it('makes a record poison whose schema it does not know, by id and by GUID', async () => {
    const unknown = Buffer.from([0, 0, 0, 255, 255, 2]);
    expect(await decode('avro', unknown)).toMatchObject({ record: null, poison: { rule: 'schema_unknown' } });
    const guid = Buffer.concat([Buffer.from([1]), Buffer.alloc(16, 7), Buffer.from([2])]);
    expect(await decode('avro', guid)).toMatchObject({ record: null, poison: { rule: 'schema_unknown' } });
  });

  it('says why it refuses a schema', async () => {
    const options = { format: 'avro', registry, subject: 'broken-value', schema: '{"type":"nonsense"}' } as const;
    await expect(createEncoder(options)).rejects.toMatchObject({ code: 'EVL_RECORDS_SCHEMA_INVALID' });
  });

  it('gives the same id again to the same schema', async () => {
    const schema = { type: 'AVRO', schema: '"double"', references: [] } as const;
    const id = await registry.register('twice-value', schema);
    expect(await registry.register('twice-value', schema)).toBe(id);
    expect((await registry.schema({ kind: 'id', id }))?.schema).toBe('"double"');
  });
});
