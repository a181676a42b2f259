import type { FieldContract, SourceFormat, SourceSpec } from '@everloop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileSource } from './check/compile-source.ts';
import { createDecoder } from './decoder.ts';
import { createSchemaRegistry } from './registry/client.ts';
import { schemaRegistries } from './registry/from-env.ts';
import { createSourceEncoder } from './source-encoder.ts';
import { startMiniRegistry, type MiniRegistry } from './testing/index.ts';

let server: MiniRegistry;
beforeAll(async () => {
  server = await startMiniRegistry();
});
afterAll(() => server.stop());

const field = (type: FieldContract['type'], more: Partial<FieldContract> = {}): FieldContract => ({
  type,
  required: false,
  ...more,
});
const every = {
  id: field('string', { required: true }),
  at: field('timestamp', { required: true }),
  miles: field('number'),
  seats: field('integer'),
  paid: field('boolean'),
  fare: field('decimal', { precision: 8, scale: 2 }),
  place: field('object', { fields: { city: field('string'), since: field('timestamp') } }),
  stops: field('array', { items: field('object', { fields: { city: field('string') } }) }),
  tags: field('array', { items: field('string') }),
};
const full = {
  ...{ id: 'a', at: 1_700_000_000_123, miles: 1.5, seats: 3, paid: true, fare: '12.50', tags: ['x', 'y'] },
  ...{ place: { city: 'Oslo', since: '2020-01-02T03:04:05.123456Z' }, stops: [{ city: 'A' }, { city: 'B' }] },
};

function source(
  topic: string,
  format: SourceFormat,
  fields: Readonly<Record<string, FieldContract>> = every,
): SourceSpec {
  return {
    ...{
      topic,
      partitions: 1,
      format,
      schemaRegistry: server.url,
      compatibility: 'backward',
      key: 'id',
      eventTime: 'at',
    },
    ...{ allowedLatenessMs: 0, unexpected: 'reject', fields, unique: [], rules: [], windows: [] },
  };
}
const registryOf = schemaRegistries({});
const limits = { recordBytesMax: 1_000_000 };

describe.each(['avro', 'json-schema', 'protobuf'] as const)('records written as %s', (format) => {
  it('pass the contract that their schema was derived from, with every type', async () => {
    const spec = source(`derived-${format}`, format);
    const decoder = createDecoder(format, () => createSchemaRegistry({ url: server.url }), limits);
    const check = compileSource(spec, limits, decoder.decode);
    // The second encoder finds what the first has registered.
    for (const encode of [
      await createSourceEncoder('s', spec, registryOf),
      await createSourceEncoder('s', spec, registryOf),
    ]) {
      for (const fields of [full, { id: 'b', at: 5 }]) {
        const { value } = encode(fields);
        expect(value[0]).toBe(0);
        await decoder.prefetch([{ value, headers: {} }]);
        expect(check(value)).toMatchObject({ kind: 'valid', timeMs: fields.at });
      }
    }
    expect((await createSchemaRegistry({ url: server.url }).latest(`derived-${format}-value`))?.schema).toContain(
      'Source_s',
    );
  });
});

describe('the schema of a Source', () => {
  it('is the newest one of its topic', async () => {
    const registry = createSchemaRegistry({ url: server.url });
    const fields = [
      { name: 'id', type: 'string' },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ];
    const schema = JSON.stringify({ type: 'record', name: 'Ride', fields });
    const id = await registry.register('own-value', { type: 'AVRO', schema, references: [] });
    const encode = await createSourceEncoder('s', source('own', 'avro'), registryOf);
    const { value } = encode({ id: 'a', at: '2020-01-01T00:00:00Z' });
    expect(value.readInt32BE(1)).toBe(id);
    expect(() => encode({ id: 7, at: 1 })).toThrow();
    await expect(createSourceEncoder('s', source('own', 'protobuf'), registryOf)).rejects.toMatchObject({
      code: 'EVL_RECORDS_SCHEMA_INVALID',
    });
  });

  it('is not needed for JSON', async () => {
    const encode = await createSourceEncoder('s', source('j', 'json'), registryOf);
    expect(String(encode({ id: 'a' }).value)).toBe('{"id":"a"}');
  });

  it.each([
    ['an object without fields', { x: field('object') }],
    ['an array without items', { x: field('array') }],
    ['a name that Avro does not allow', { 'a-b': field('string') }],
  ])('cannot be derived for %s', async (_name, fields) => {
    await expect(createSourceEncoder('s', source('odd', 'avro', fields), registryOf)).rejects.toMatchObject({
      code: 'EVL_RECORDS_SCHEMA_UNDERIVABLE',
    });
  });

  it('waits for a registry that does not answer', async () => {
    server.outage = 503;
    const asked = createSourceEncoder('s', source('later', 'avro'), registryOf);
    await expect(asked).rejects.toMatchObject({ code: 'EVL_RECORDS_REGISTRY_UNREACHABLE', kind: 'retryable' });
    server.outage = null;
  });
});
