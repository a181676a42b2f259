import type { OutRecord } from '@everloop/kafka';
import { createFieldReader, createSchemaRegistry, schemaRegistries } from '@everloop/records';
import { startMiniRegistry } from '@everloop/records/testing';
import { describe, expect, it } from 'vitest';

import { silentTelemetry, tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import { AppliedPlaces } from './applied-places.ts';
import type { MaterialiseAsked } from './live-topology.ts';
import { createPushCalls } from './push-calls.ts';

function callsOver(resources = tripResources('t')) {
  const published: OutRecord[] = [];
  const asked: MaterialiseAsked[] = [];
  const applied = new AppliedPlaces();
  const calls = createPushCalls({
    topology: () => topologyOf(resources),
    publisher: {
      async publishPlaced(records) {
        published.push(...records);
        return records.map((_, i) => ({ partition: 1, offset: BigInt(40 + i) }));
      },
    },
    applied,
    registryOf: schemaRegistries({}),
    materialise: async (one) => {
      asked.push(one);
      return { rows: 1, records: 2, partitions: ['p/0'] };
    },
    now: () => 1_700_000_000_000,
    telemetry: silentTelemetry,
  });
  return { calls, published, applied, asked };
}

/** The trips' Sources without createdTime: the header says when a record became known. */
function withoutCreatedTime() {
  return tripResources('t').map((resource) => {
    if (resource.kind !== 'Source') return resource;
    const spec = { ...resource.spec };
    Reflect.deleteProperty(spec, 'createdTime');
    return { ...resource, spec };
  });
}

const good = '{"trip":"a","origin":"x","delay":1.5,"at":5}';

describe('push', () => {
  it('publishes what keeps the contract, with key and known time; refuses the rest with every reason', async () => {
    const { calls, published } = callsOver(withoutCreatedTime());
    const answer = await calls.push({ source: 'arrived', recordsJson: [good, '{"trip":7}', '[', good], waitMs: 0 });
    expect(answer.topic).toBe('t.arrived');
    expect(answer.results).toMatchObject([
      { outcome: 'PUSH_OUTCOME_PUBLISHED', partition: 1, offset: 40 },
      { outcome: 'PUSH_OUTCOME_REFUSED', offset: -1 },
      { outcome: 'PUSH_OUTCOME_REFUSED', offset: -1 },
      { outcome: 'PUSH_OUTCOME_PUBLISHED', partition: 1, offset: 41 },
    ]);
    expect(answer.results[1]?.reasons.join('\n')).toMatch(/required at/);
    expect(answer.results[1]?.reasons.join('\n')).toMatch(/type trip/);
    expect(answer.results[2]?.reasons).toEqual([expect.stringContaining('not_json')]);
    expect(published.map(({ topic, key, headers }) => ({ topic, key, headers }))).toEqual([
      { topic: 't.arrived', key: 'a', headers: { 'evl-known': '1700000000000' } },
      { topic: 't.arrived', key: 'a', headers: { 'evl-known': '1700000000000' } },
    ]);
    expect(String(published[0]?.value)).toBe(good);
  });

  it.each(['avro', 'json-schema', 'protobuf'] as const)('publishes a Source in %s in its format', async (format) => {
    const registry = await startMiniRegistry();
    const inFormat = tripResources('t').map((resource) =>
      resource.kind === 'Source'
        ? { ...resource, spec: { ...resource.spec, format, schemaRegistry: registry.url } }
        : resource,
    );
    const { calls, published } = callsOver(inFormat);
    const answer = await calls.push({ source: 'arrived', recordsJson: [good, '{"trip":7}'], waitMs: 0 });
    expect(answer.results.map(({ outcome }) => outcome)).toEqual(['PUSH_OUTCOME_PUBLISHED', 'PUSH_OUTCOME_REFUSED']);
    const reader = createFieldReader({ format, schemaRegistry: registry.url }, schemaRegistries({}));
    const value = published[0]?.value as Buffer;
    await reader.prefetch([{ value, headers: {} }]);
    expect(reader.read({ value, headers: {} })).toMatchObject({ trip: 'a', origin: 'x', delay: 1.5 });
    await registry.stop();
  });

  it('takes the newest schema of the registry when a changed Source is applied', async () => {
    const registry = await startMiniRegistry();
    const inAvro = (): ReturnType<typeof tripResources> =>
      tripResources('t').map((resource) =>
        resource.kind === 'Source'
          ? { ...resource, spec: { ...resource.spec, format: 'avro', schemaRegistry: registry.url } }
          : resource,
      );
    const resources = inAvro();
    const { calls, published } = callsOver(resources);
    const push = async (): Promise<number> => {
      await calls.push({ source: 'arrived', recordsJson: [good], waitMs: 0 });
      return (published.at(-1)?.value as Buffer).readInt32BE(1);
    };
    const first = await push();
    const client = createSchemaRegistry({ url: registry.url });
    const derived = await client.latest('t.arrived-value');
    const fields = JSON.parse(derived?.schema ?? '') as { readonly fields: readonly object[] };
    const wider = { ...fields, fields: [...fields.fields, { name: 'gate', type: ['null', 'string'], default: null }] };
    const schema = { type: 'AVRO', schema: JSON.stringify(wider), references: [] } as const;
    const newest = await client.register('t.arrived-value', schema);
    expect(newest).not.toBe(first);
    expect(await push()).toBe(first);
    resources.splice(0, resources.length, ...inAvro());
    expect(await push()).toBe(newest);
    await registry.stop();
  });

  it('leaves the known time to a Source that declares it', async () => {
    const { calls, published } = callsOver();
    await calls.push({ source: 'arrived', recordsJson: [good], waitMs: 0 });
    expect(published[0]?.headers).toEqual({});
  });

  it('waits until the records are in the online rows, or says that they are only published', async () => {
    const { calls, applied } = callsOver();
    const waiting = calls.push({ source: 'arrived', recordsJson: [good, good], waitMs: 5_000 });
    await new Promise((resolve) => setImmediate(resolve));
    applied.applied(['t.arrived/1/40', 't.arrived/1/41']);
    expect((await waiting).results.map(({ outcome }) => outcome)).toEqual([
      'PUSH_OUTCOME_APPLIED',
      'PUSH_OUTCOME_APPLIED',
    ]);
    const late = await calls.push({ source: 'arrived', recordsJson: [good], waitMs: 1 });
    expect(late.results[0]?.outcome).toBe('PUSH_OUTCOME_PUBLISHED');
  });

  it.each([
    ['an unknown Source', { source: 'nobody', recordsJson: [], waitMs: 0 }, 'EVL_FEATURES_SOURCE_UNKNOWN'],
    [
      'too many records',
      { source: 'arrived', recordsJson: new Array<string>(1_001).fill(good), waitMs: 0 },
      'EVL_FEATURES_REQUEST_INVALID',
    ],
    ['too long a wait', { source: 'arrived', recordsJson: [good], waitMs: 30_001 }, 'EVL_FEATURES_REQUEST_INVALID'],
  ])('%s is refused', async (_, request, code) => {
    const { calls, published } = callsOver();
    await expect(calls.push(request)).rejects.toMatchObject({ code });
    expect(published).toEqual([]);
  });
});

describe('materialize', () => {
  it('asks for everything, or for views and a range of event time', async () => {
    const { calls, asked } = callsOver();
    expect(await calls.materialize({ views: [], fromMs: 0, untilMs: 0 })).toEqual({
      rows: 1,
      records: 2,
      partitions: ['p/0'],
    });
    await calls.materialize({ views: ['plan'], fromMs: 5, untilMs: 9 });
    expect(asked).toEqual([
      { views: null, range: null },
      { views: new Set(['plan']), range: { fromMs: 5, untilMs: 9 } },
    ]);
  });

  it.each([[{ views: ['nobody'], fromMs: 0, untilMs: 0 }], [{ views: [], fromMs: 5, untilMs: 5 }]])(
    'refuses %o',
    async (request) => {
      await expect(callsOver().calls.materialize(request)).rejects.toMatchObject({
        code: 'EVL_FEATURES_REQUEST_INVALID',
      });
    },
  );
});
