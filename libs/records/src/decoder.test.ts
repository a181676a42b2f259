import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecoder, type RecordBytes, type RecordDecoder } from './decoder.ts';
import { createEncoder, type EncoderOptions } from './encoder.ts';
import { createSchemaRegistry, type SchemaRegistry } from './registry/client.ts';
import { startMiniRegistry, type MiniRegistry } from './testing/index.ts';

let mini: MiniRegistry;
let registry: SchemaRegistry;

beforeAll(async () => {
  mini = await startMiniRegistry();
  registry = createSchemaRegistry({ url: mini.url });
});
afterAll(async () => await mini.stop());

const limits = { recordBytesMax: 1_048_576, confirmMs: 0 };

const schemas = {
  avro: JSON.stringify({
    type: 'record',
    name: 'Flight',
    namespace: 'air',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'miles', type: 'long' },
      { name: 'delay', type: ['null', 'double'], default: null },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'next', type: ['null', 'Flight'], default: null },
    ],
  }),
  'json-schema': JSON.stringify({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, miles: { type: 'integer' } },
  }),
  protobuf: `syntax = "proto3"; package air;
    message Flight { string id = 1; int64 miles = 2; optional double delay = 3; repeated string tags = 4; Flight next = 5; }`,
} as const;

const flight = { id: 'a', miles: 7, delay: 1.5, tags: ['x', 'y'], next: null };

async function encoderOf(format: keyof typeof schemas, more: Partial<EncoderOptions> = {}) {
  return await createEncoder({ format, registry, subject: `flights-${format}`, schema: schemas[format], ...more });
}

async function decoded(decoder: RecordDecoder, record: Partial<RecordBytes>) {
  const full = { value: null, headers: {}, ...record };
  await decoder.prefetch([full]);
  return decoder.decode(full.value, full);
}

describe.each(['avro', 'json-schema', 'protobuf'] as const)('%s', (format) => {
  const plain = { id: 'a', miles: 7, delay: 1.5, tags: ['x', 'y'] };
  const expected = format === 'avro' ? flight : plain;

  it.each([
    ['the id before the value', {}],
    ['the id in the header', { placement: 'header' as const }],
  ])('%s', async (_name, more) => {
    const encoder = await encoderOf(format, more);
    const decoder = createDecoder(format, () => registry, limits);
    expect(await decoded(decoder, encoder.encode(flight))).toEqual({
      record: format === 'json-schema' ? flight : expected,
      poison: null,
    });
  });

  it('a GUID, before the value and in the header', async () => {
    const { schemaId } = await encoderOf(format);
    const answer = await fetch(`${mini.url}/schemas/ids/${schemaId.kind === 'id' ? schemaId.id : 0}`);
    const { guid } = (await answer.json()) as { guid: string };
    const decoder = createDecoder(format, () => registry, limits);
    for (const placement of ['value', 'header'] as const) {
      const encoder = await encoderOf(format, { guid, placement });
      expect(await decoded(decoder, encoder.encode(flight))).toMatchObject({ record: { id: 'a', miles: 7 } });
    }
  });

  it('every truncation is poison, and nothing throws', async () => {
    const { value } = (await encoderOf(format)).encode(flight);
    const decoder = createDecoder(format, () => registry, limits);
    await decoder.prefetch([{ value, headers: {} }]);
    for (let length = 5; length < value.length; length += 1) {
      const { poison, record } = decoder.decode(value.subarray(0, length), { headers: {} });
      // Protobuf messages may end after any field.
      if (format !== 'protobuf') expect(poison).not.toBeNull();
      else if (poison === null) expect(JSON.stringify(record).length).toBeLessThan(JSON.stringify(flight).length);
    }
    expect(decoder.decode(value, { headers: {} }).poison).toBeNull();
  });

  it('any bytes after a good schema id are fields or one reason', async () => {
    const { value } = (await encoderOf(format)).encode(flight);
    const decoder = createDecoder(format, () => registry, limits);
    await decoder.prefetch([{ value, headers: {} }]);
    const rules = ['not_avro', 'not_protobuf', 'not_json', 'not_utf8', 'not_object', 'schema_invalid', 'too_deep'];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        const { poison } = decoder.decode(Buffer.concat([value.subarray(0, 5), body]), { headers: {} });
        if (poison !== null) expect(rules).toContain(poison.rule);
      }),
      { numRuns: 500 },
    );
  });
});

describe('poison', () => {
  const avroBytes = async (): Promise<Buffer> => (await encoderOf('avro')).encode(flight).value;

  it.each([
    ['no value', null, 'null_value'],
    ['plain JSON', Buffer.from('{"id":"a"}'), 'no_schema_id'],
    ['an id without a body', Buffer.from([0, 0, 0]), 'no_schema_id'],
    ['an empty value', Buffer.alloc(0), 'no_schema_id'],
    ['an id that is not there', Buffer.from([0, 0xff, 0, 0, 0, 1]), 'schema_unknown'],
    ['a GUID that is not there', Buffer.from([1, ...Array<number>(17).fill(7)]), 'schema_unknown'],
  ])('%s', async (_name, value, rule) => {
    const result = await decoded(
      createDecoder('avro', () => registry, limits),
      { value },
    );
    expect(result.poison).toMatchObject({ rule });
  });

  it('a value that is too large is not looked at', async () => {
    const decoder = createDecoder('avro', () => registry, { ...limits, recordBytesMax: 3 });
    expect((await decoded(decoder, { value: await avroBytes() })).poison).toMatchObject({ rule: 'too_large' });
  });

  it('a schema of another format', async () => {
    const result = await decoded(
      createDecoder('protobuf', () => registry, limits),
      { value: await avroBytes() },
    );
    expect(result.poison).toMatchObject({
      rule: 'schema_unusable',
      message: expect.stringContaining('it is a schema of type AVRO, but the format is protobuf'),
    });
  });

  it('JSON that breaks its schema says how', async () => {
    const { schemaId } = await encoderOf('json-schema');
    const prefix = Buffer.from([0, 0, 0, 0, schemaId.kind === 'id' ? schemaId.id : 0]);
    const value = Buffer.concat([prefix, Buffer.from('{"id":"a","miles":1.5}')]);
    const result = await decoded(
      createDecoder('json-schema', () => registry, limits),
      { value },
    );
    expect(result.poison).toMatchObject({
      rule: 'schema_invalid',
      message: expect.stringContaining('/miles must be integer'),
    });
  });

  it('Avro that is nested 65 deep', async () => {
    const encoder = await encoderOf('avro');
    let nested: unknown = flight;
    for (let depth = 0; depth < 65; depth += 1) nested = { ...flight, next: nested };
    const result = await decoded(
      createDecoder('avro', () => registry, limits),
      encoder.encode(nested),
    );
    expect(result.poison).toMatchObject({ rule: 'too_deep' });
  });

  it('ten bytes cannot announce 2^50 nulls', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'N',
      fields: [{ name: 'a', type: { type: 'array', items: 'null' } }],
    });
    const encoder = await createEncoder({ format: 'avro', registry, subject: 'nulls', schema });
    const id = encoder.encode({ a: [] }).value.subarray(0, 5);
    const bomb = Buffer.concat([id, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0])]);
    const result = await decoded(
      createDecoder('avro', () => registry, limits),
      { value: bomb },
    );
    expect(result.poison).toMatchObject({ rule: 'not_avro', message: expect.stringContaining('items without bytes') });
  });
});

describe('asking the registry', () => {
  it('once for each schema, not for each record', async () => {
    const { value } = (await encoderOf('avro')).encode(flight);
    const decoder = createDecoder('avro', () => registry, limits);
    const before = mini.requests.length;
    await decoder.prefetch([
      { value, headers: {} },
      { value, headers: {} },
    ]);
    expect(decoder.prefetch([{ value, headers: {} }])).toBeUndefined();
    expect(mini.requests.length - before).toBe(1);
  });

  it('while it is away, records wait: retryable, and no record is poison', async () => {
    const { value } = (await encoderOf('avro')).encode(flight);
    const decoder = createDecoder('avro', () => registry, limits);
    mini.outage = 503;
    await expect(decoder.prefetch([{ value, headers: {} }])).rejects.toMatchObject({
      code: 'EVL_RECORDS_REGISTRY_UNREACHABLE',
      kind: 'retryable',
    });
    mini.outage = null;
    await decoder.prefetch([{ value, headers: {} }]);
    expect(decoder.decode(value, { headers: {} }).poison).toBeNull();
  });

  it('a server that is no registry is not believed: 404 alone makes no record poison', async () => {
    mini.outage = 404;
    const decoder = createDecoder('avro', () => registry, limits);
    const value = Buffer.from([0, 0, 0, 0, 1, 2]);
    await expect(decoder.prefetch([{ value, headers: {} }])).rejects.toMatchObject({ kind: 'retryable' });
    mini.outage = null;
  });

  it('an unknown id is asked for again when its time is over, and found', async () => {
    const decoder = createDecoder('avro', () => registry, { ...limits, unknownMs: 0 });
    const next = 1 + Math.max(...(await ids()));
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, next]), Buffer.from([2, 0x61])]);
    expect((await decoded(decoder, { value })).poison).toMatchObject({ rule: 'schema_unknown' });
    const schema = JSON.stringify({ type: 'record', name: 'Late', fields: [{ name: 'a', type: 'string' }] });
    await createEncoder({ format: 'avro', registry, subject: 'late', schema });
    expect(await decoded(decoder, { value })).toEqual({ record: { a: 'a' }, poison: null });
  });

  it('an unknown id is not asked for with every batch', async () => {
    const decoder = createDecoder('avro', () => registry, limits);
    const value = Buffer.from([0, 0, 0xff, 0, 1, 2]);
    await decoder.prefetch([{ value, headers: {} }]);
    expect(decoder.prefetch([{ value, headers: {} }])).toBeUndefined();
  });

  it('garbage ids do not make the cache grow; a schema that left it comes back', async () => {
    const { value } = (await encoderOf('avro')).encode(flight);
    const decoder = createDecoder('avro', () => registry, { ...limits, schemasMax: 10 });
    await decoder.prefetch([{ value, headers: {} }]);
    for (let id = 0; id < 30; id += 1)
      await decoder.prefetch([{ value: Buffer.from([0, 0xee, 0, 0, id, 0]), headers: {} }]);
    expect(() => decoder.decode(value, { headers: {} })).toThrow(/left the cache/);
    await decoder.prefetch([{ value, headers: {} }]);
    expect(decoder.decode(value, { headers: {} }).poison).toBeNull();
  });

  it('credentials are sent, and wrong ones are an outage that says so', async () => {
    const closed = await startMiniRegistry({ authorization: 'Bearer t' });
    const decoder = (authorization: string) =>
      createDecoder('avro', () => createSchemaRegistry({ url: closed.url, authorization }), limits);
    const records = [{ value: Buffer.from([0, 0, 0, 0, 1, 2]), headers: {} }];
    await expect(decoder('Bearer x').prefetch(records)).rejects.toThrow(/401.*EVL_SCHEMA_REGISTRY_/);
    await decoder('Bearer t').prefetch(records);
    await closed.stop();
  });
});

async function ids(): Promise<number[]> {
  const found: number[] = [];
  for (const subject of (await (await fetch(`${mini.url}/subjects`)).json()) as string[]) {
    const latest = await fetch(`${mini.url}/subjects/${subject}/versions/latest`);
    found.push(((await latest.json()) as { id: number }).id);
  }
  return found;
}
