import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEncoder } from './encoder.ts';
import { createFieldReader } from './field-reader.ts';
import { schemaRegistries } from './registry/from-env.ts';
import { startMiniRegistry, type MiniRegistry } from './testing/index.ts';

let mini: MiniRegistry;
beforeAll(async () => {
  mini = await startMiniRegistry({ authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` });
});
afterAll(async () => await mini.stop());

const record = (value: Buffer | null) => ({ value, headers: {} });

describe('fields of what passed the validator', () => {
  it.each([
    ['an object', '{"a":1}', { a: 1 }],
    ['a list', '[1]', null],
    ['no JSON', '{', null],
  ])('%s', (_name, text, expected) => {
    const reader = createFieldReader({ format: 'json' }, schemaRegistries({}));
    expect(reader.prefetch([])).toBeUndefined();
    expect(reader.read(record(Buffer.from(text)))).toEqual(expected);
    expect(reader.read(record(null))).toBeNull();
  });

  it('Avro, from the registry of the environment, with its credentials', async () => {
    const env = {
      EVL_SCHEMA_REGISTRY_URL: `${mini.url}/`,
      EVL_SCHEMA_REGISTRY_USER: 'me',
      EVL_SCHEMA_REGISTRY_PASSWORD: 'secret',
    };
    const registryOf = schemaRegistries(env);
    const schema = JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] });
    const registry = registryOf(undefined, 'avro');
    const { value } = (await createEncoder({ format: 'avro', registry, subject: 's', schema })).encode({ a: 7 });
    const reader = createFieldReader({ format: 'avro', schemaRegistry: mini.url }, registryOf);
    await reader.prefetch([record(value)]);
    expect(reader.read(record(value))).toEqual({ a: 7 });
  });
});

describe('registries by address', () => {
  it('another address is not sent the credentials', async () => {
    const registryOf = schemaRegistries({
      EVL_SCHEMA_REGISTRY_URL: 'http://elsewhere',
      EVL_SCHEMA_REGISTRY_TOKEN: 't',
    });
    await expect(registryOf(mini.url, 'avro').schema({ kind: 'id', id: 1 })).rejects.toThrow(/401/);
  });

  it('each address is one registry; none at all says what to set', () => {
    const registryOf = schemaRegistries({});
    expect(registryOf('http://a:1/', 'avro')).toBe(registryOf('http://a:1', 'avro'));
    expect(() => registryOf(undefined, 'avro')).toThrow(/EVL_SCHEMA_REGISTRY_URL/);
  });
});
