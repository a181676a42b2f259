import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { features, parseResources, registry, toWire, type FeatureServiceSpec } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { freePorts, startLocalKafka, startLocalRedis, superviseProcess } from '@everloop/local';
import { createMetrics } from '@everloop/service';
import { eventually, testLogger } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'evl-delivery-'));
const text = readFileSync(join(import.meta.dirname, '../resources/delivery.yaml'), 'utf8');
const started: { stop(): Promise<unknown> }[] = [];
const startMs = Date.now() - 3_600_000;
let brokers = '';

function connectAll(registryPort: number, featuresPort: number) {
  const settings = { name: 'delivery-test', deadlineMs: 20_000 };
  const applied = connect(registry.RegistryServiceService, `127.0.0.1:${registryPort}`, settings);
  const store = connect(features.FeatureServiceService, `127.0.0.1:${featuresPort}`, settings);
  started.push({
    stop: async () => {
      applied.close();
      store.close();
    },
  });
  return { applied, store };
}
let clients: ReturnType<typeof connectAll>;

/** Kafka, Redis, validator, registry and feature store as processes of their own: they share the topic of resources. */
beforeAll(async () => {
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0, registryPort = 0, storePort = 0, ...http] =
    await freePorts(9);
  const log = (): void => undefined;
  const kafka = await startLocalKafka({ dir: join(dir, 'kafka'), port: kafkaPort, controllerPort, log });
  started.push(kafka);
  const redis = await startLocalRedis({ dir: join(dir, 'redis'), port: redisPort, log });
  started.push(redis);
  ({ brokers } = kafka);
  const run = async (name: string, port: number, more: Record<string, string>): Promise<void> => {
    const service = superviseProcess({
      ...{
        name,
        command: process.execPath,
        args: [join(import.meta.dirname, `../../../services/${name}/src/main.ts`)],
      },
      env: {
        ...{ ...process.env, KAFKA_BROKERS: brokers, REDIS_URL: redis.url, EVL_HTTP_PORT: String(port) },
        ...{ EVL_DATA_DIR: join(dir, name), ...more },
      },
      ...{ logFile: join(dir, `${name}.log`), ready: { url: `http://127.0.0.1:${port}/readyz` }, readyMs: 120_000 },
    });
    started.push(service);
    await service.ready;
  };
  await run('registry', http[0] ?? 0, { EVL_GRPC_PORT: String(registryPort) });
  clients = connectAll(registryPort, storePort);
  await ensureTopics(['delivery.parcels', 'delivery.deliveries']);
  await apply(text);
  await run('validator', http[1] ?? 0, {});
  await run('feature-store', http[2] ?? 0, {
    ...{ EVL_GRPC_PORT: String(storePort), EVL_FEAST_PORT: String(http[3] ?? 0) },
    ...{ EVL_OBJECT_STORE: join(dir, 'objects'), EVL_VAULT_STORE: join(dir, 'vault') },
  });
});

afterAll(async () => {
  for (const part of started.toReversed()) await part.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function ensureTopics(names: readonly string[]): Promise<void> {
  const bus = createKafkaBus({
    ...{ brokers: brokers.split(','), clientId: 'delivery-test', logger: testLogger() },
    metrics: createMetrics('delivery-test'),
  });
  await bus.start();
  await bus.ensureTopics(names.map((name) => ({ name, partitions: 1 })));
  await bus.stop();
}

async function apply(yaml: string): Promise<string[]> {
  const resources = parseResources([{ name: 'delivery.yaml', text: yaml }]).map(toWire);
  const { results } = await clients.applied.applyResources({ resources, force: false, dryRun: false });
  return results.map(({ name, change }) => `${name} ${change}`);
}

async function read(featureService: string): Promise<Record<string, number | undefined>> {
  const answer = await clients.store.getOnlineBatch(
    features.GetOnlineBatchRequest.fromPartial({
      featureService,
      entities: [
        { name: 'courier', texts: ['c1'] },
        { name: 'distance_km', numbers: [9] },
      ],
    }),
  );
  return Object.fromEntries(answer.features.map(({ name, numbers }) => [name, numbers[0]]));
}

describe('a feature service', () => {
  it('is pinned, keeps its features, and is served beside its next version', async () => {
    const pinned = (await clients.applied.listResources({ kind: 'FeatureService' })).resources[0];
    const { pins } = JSON.parse(pinned?.specJson ?? '') as FeatureServiceSpec;
    expect(Object.keys(pins)).toEqual(
      ['deliveries_1d', 'kilometres_1d', 'mean_late_1d'].map((name) => `courier_day.${name}`),
    );

    const records = [2, 4].map((distance_km, index) =>
      JSON.stringify({
        ...{ parcel_id: `p${index}`, courier: 'c1', distance_km, minutes_late: 5 },
        at: new Date(startMs + index).toISOString(),
      }),
    );
    // The store follows the registry, and may not know the Source at once.
    const { results } = await eventually(
      async () => await clients.store.push({ source: 'deliveries', recordsJson: records, waitMs: 30_000 }),
      { what: 'the Source in the store', timeoutMs: 60_000 },
    );
    expect(results.flatMap(({ reasons }) => reasons)).toEqual([]);
    await eventually(async () => (await read('courier_load'))['courier_day.deliveries_1d'] === 2, {
      ...{ what: 'two deliveries in the online rows', timeoutMs: 60_000 },
    });
    expect(await read('courier_load@1')).toMatchObject({ 'onDemand.distance_ratio': 3 });

    // A change of what is pinned is refused, with who pins it and the way through; so is another content of the version.
    const changed = apply(text.replace('mean_late_1d, function: mean', 'mean_late_1d, function: max'));
    await expect(changed).rejects.toMatchObject({ code: 'EVL_RESOURCE_PINNED' });
    await expect(changed).rejects.toThrow(
      /pinned by FeatureService\/courier_load@1, Model\/late-parcels[^]*new version/,
    );
    await expect(apply(text.replace('/ (courier_day', '+ (courier_day'))).rejects.toMatchObject({
      code: 'EVL_RESOURCE_IMMUTABLE',
    });

    // The way through: the new feature beside the old one, in version 2.
    const [source = '', deliveries = '', view = '', service = '', model = ''] = text.split('---\n');
    const wider = view.replace(
      '  hop: 1h',
      '    - { name: most_late_1d, function: max, column: minutes_late, window: 1d }\n  hop: 1h',
    );
    const second = service.replace('version: 1', 'version: 2');
    expect(await apply([source, deliveries, wider, service, second, model].join('---\n'))).toEqual([
      ...['deliveries unchanged', 'parcels unchanged', 'courier_day changed'],
      ...['courier_load@1 unchanged', 'courier_load@2 created', 'late-parcels unchanged'],
    ]);
    await eventually(async () => (await read('courier_load'))['courier_day.most_late_1d'] === 5, {
      ...{ what: 'version 2 with the new feature', timeoutMs: 60_000 },
    });
    expect(await read('courier_load@2')).toMatchObject({ 'onDemand.distance_ratio': 3, 'courier_day.most_late_1d': 5 });
    expect(Object.keys(await read('courier_load@1'))).toEqual([
      ...['deliveries_1d', 'kilometres_1d', 'mean_late_1d'].map((name) => `courier_day.${name}`),
      'onDemand.distance_ratio',
    ]);
    const { services } = await clients.store.describe({ views: [] });
    expect(services.map(({ name, version, models }) => [name, version, models])).toEqual([
      ['courier_load', 1, ['late-parcels']],
      ['courier_load', 2, []],
    ]);
  });
});
