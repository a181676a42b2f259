import { registry } from '@everloop/contracts';
import { connect, createGrpcServer } from '@everloop/grpc';
import type { BusRecord } from '@everloop/kafka';
import { eventually, testBus, testLogger, uniqueName } from '@everloop/testing';
import { expect, it } from 'vitest';
import { registryService } from '../src/adapters/grpc-registry.ts';
import { createKafkaEventPublisher } from '../src/adapters/kafka-event-publisher.ts';
import { createOutboxPublisher } from '../src/app/outbox-publisher.ts';
import { silent, testContext, testResources, testVersion } from '../src/fixtures.ts';

it('what gRPC clients do arrives on the topics, in order, with CloudEvents headers', async () => {
  const topics = { resources: uniqueName('resources'), modelVersion: uniqueName('versions') };
  const bus = await testBus();
  const events = bus.publisher({ name: 'registry-test' });
  const context = testContext({ topics });
  const publisher = createKafkaEventPublisher(bus, events, topics);
  const outbox = createOutboxPublisher({ store: context.store, publisher, telemetry: silent, topic: topics.resources });
  const grpc = createGrpcServer({
    name: 'registry',
    host: '127.0.0.1',
    port: 0,
    services: [registryService({ ...context, outbox })],
    logger: testLogger(),
  });
  for (const part of [grpc, events, outbox]) await part.start();
  const client = connect(registry.RegistryServiceService, `127.0.0.1:${grpc.port}`, {
    name: 'test',
    deadlineMs: 10_000,
  });

  const applied = await client.applyResources({ resources: testResources(), force: false, dryRun: false });
  expect(applied.results.map((result) => result.change)).toEqual(['created', 'created']);
  for (const job of ['a', 'b', 'a']) await client.registerVersion({ version: testVersion(job) });
  const move = (version: string, stage: string, eventTimeMs: number) =>
    client.setStage({ model: 'late-trips', version, stage, reason: 'test', eventTimeMs });
  for (const version of ['1', '2']) await move(version, 'approved', 2_000);
  for (const version of ['1', '2', '2']) await move(version, 'production', 3_000);
  await expect(move('1', 'approved', 4_000)).rejects.toMatchObject({
    code: 'EVL_REGISTRY_STAGE_PRECONDITION',
    kind: 'terminal',
  });
  await expect(client.getVersion({ model: 'late-trips', version: '8' })).rejects.toMatchObject({
    code: 'EVL_REGISTRY_VERSION_NOT_FOUND',
  });
  await expect(
    client.applyResources({
      resources: [{ ...testResources()[0], kind: 'Nope' } as registry.Resource],
      force: false,
      dryRun: false,
    }),
  ).rejects.toMatchObject({
    code: 'EVL_RESOURCE_INVALID',
  });
  expect(await client.verifyLedger({})).toMatchObject({ entries: 9, intact: true });
  expect((await client.listVersions({ model: 'late-trips' })).versions.map((v) => v.stage)).toEqual([
    'archived',
    'production',
  ]);

  await eventually(() => context.store.queuedCount() === 0, { what: 'an empty outbox' });
  const records: BusRecord[] = [];
  await bus.readAll([topics.resources, topics.modelVersion], (batch) => void records.push(...batch.records));
  const of = (topic: string): BusRecord[] => records.filter((record) => record.topic === topic);
  expect(of(topics.resources).map((record) => record.key?.toString())).toEqual(['Source/trips', 'Model/late-trips']);
  const changes = of(topics.modelVersion).map((record) =>
    registry.VersionChanged.fromJSON(JSON.parse(String(record.value))),
  );
  expect(
    changes.map((change) => `${change.version?.version} ${change.previousStage}>${change.version?.stage}`),
  ).toEqual([
    '1 >candidate',
    '2 >candidate',
    '1 candidate>approved',
    '2 candidate>approved',
    '1 approved>production',
    '1 production>archived',
    '2 approved>production',
  ]);
  const last = of(topics.modelVersion).at(-1);
  expect(last?.headers).toMatchObject({
    ce_id: changes.at(-1)?.id,
    ce_type: topics.modelVersion,
    ce_source: 'everloop/registry',
    ce_subject: 'late-trips',
    ce_time: '1970-01-01T00:00:03.000Z',
    'content-type': 'application/json',
  });
  expect((await publisher.publishedResources()).get('Model/late-trips')?.revision).toBe(1);

  client.close();
  for (const part of [outbox, events, grpc, bus]) await part.stop();
  context.store.close();
});
