import { feast, feastServer, type feastTypes } from '@everloop/contracts';
import { connect, createGrpcServer, type GrpcServer } from '@everloop/grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { feastOver, nowMs } from '../../test/feast-server.ts';
import { silentTelemetry } from '../../test/fixtures.ts';
import { grpcFeast } from './grpc-feast.ts';

const world = feastOver([
  { driver_id: 1001, event_timestamp: nowMs - 5_500, conv_rate: 0.5, avg_daily_trips: 8, on_duty: true, name: 'Åsa' },
]);
let server: GrpcServer;

beforeAll(async () => {
  server = createGrpcServer({
    name: 'grpc',
    host: '127.0.0.1',
    port: 0,
    services: grpcFeast(world.calls),
    logger: silentTelemetry.logger,
  });
  await server.start();
});
afterAll(() => server.stop());

const options = { name: 'test', deadlineMs: 5_000 };
const key = (value: bigint): feastTypes.Value => ({ val: { $case: 'int64Val', value } });

it('answers both services with typed values', async () => {
  const request: feast.GetOnlineFeaturesRequest = {
    kind: {
      $case: 'features',
      value: {
        val: ['conv_rate', 'avg_daily_trips', 'on_duty', 'name']
          .map((name) => `driver_hourly_stats:${name}`)
          .concat('driver_day:latest'),
      },
    },
    entities: { driver_id: { val: [key(1001n), key(7n)] } },
    fullFeatureNames: false,
    requestContext: {},
    includeFeatureViewVersionMetadata: true,
  };
  const serving = connect(feast.ServingServiceService, `127.0.0.1:${server.port}`, options);
  const plain = connect(feastServer.GrpcFeatureServerService, `127.0.0.1:${server.port}`, options);
  const answer = await serving.getOnlineFeatures(request);
  expect(await plain.getOnlineFeatures(request)).toEqual(answer);
  expect(answer.metadata).toEqual({
    featureNames: { val: ['driver_id', 'conv_rate', 'avg_daily_trips', 'on_duty', 'name', 'latest'] },
    featureViewMetadata: [
      { name: 'driver_hourly_stats', version: 3 },
      { name: 'driver_day', version: 1 },
    ],
  });
  expect(answer.results.map(({ values }) => values[0]?.val)).toEqual([
    { $case: 'int64Val', value: 1001n },
    { $case: 'doubleVal', value: 0.5 },
    { $case: 'int64Val', value: 8n },
    { $case: 'boolVal', value: true },
    { $case: 'stringVal', value: 'Åsa' },
    { $case: 'doubleListVal', value: { val: [0.5] } },
  ]);
  expect(answer.results[1]).toEqual({
    values: [{ val: { $case: 'doubleVal', value: 0.5 } }, { val: undefined }],
    statuses: ['PRESENT', 'NOT_FOUND'],
    eventTimestamps: [new Date(nowMs - 5_500), new Date(0)],
  });
  expect(await serving.getFeastServingInfo({})).toEqual({ version: '0.67.0' });
  serving.close();
  plain.close();
});

it('writes one row, of texts or of typed values, and refuses both at once', async () => {
  const client = connect(feastServer.GrpcFeatureServerService, `127.0.0.1:${server.port}`, options);
  const texts = {
    driver_id: '1001',
    conv_rate: '0.5',
    on_duty: 'True',
    name: 'x',
    event_timestamp: '2022-05-13 10:59:42',
  };
  const push = { streamFeatureView: 'driver_stats_push_source', allowRegistryCache: true, to: 'online' };
  expect(await client.push({ ...push, features: texts, typedFeatures: {} })).toEqual({ status: true });
  const typed: Record<string, feastTypes.Value> = {
    driver_id: key(1001n),
    conv_rate: { val: { $case: 'doubleVal', value: 0.5 } },
    on_duty: { val: { $case: 'boolVal', value: true } },
    name: { val: { $case: 'stringVal', value: 'x' } },
    event_timestamp: { val: { $case: 'unixTimestampVal', value: 1_652_439_582n } },
  };
  const write = { featureViewName: 'driver_day', allowRegistryCache: true };
  expect(await client.writeToOnlineStore({ ...write, features: {}, typedFeatures: typed })).toEqual({ status: true });
  const [first, second] = world.pushed.map(
    ({ recordsJson }) => JSON.parse(recordsJson[0] ?? '') as Record<string, unknown>,
  );
  const common = { driver_id: 1001, conv_rate: 0.5, on_duty: true, name: 'x' };
  expect(first).toEqual({ ...common, event_timestamp: '2022-05-13T10:59:42Z' });
  expect(second).toEqual({ ...common, event_timestamp: 1_652_439_582_000 });
  await expect(client.push({ ...push, features: texts, typedFeatures: typed })).rejects.toMatchObject({
    code: 'EVL_FEATURES_REQUEST_INVALID',
  });
  await expect(client.push({ ...push, to: 'x', features: texts, typedFeatures: {} })).rejects.toMatchObject({
    code: 'EVL_FEATURES_REQUEST_INVALID',
  });
  await expect(
    client.writeToOnlineStore({
      featureViewName: 'nobody',
      allowRegistryCache: true,
      features: texts,
      typedFeatures: {},
    }),
  ).rejects.toMatchObject({ code: 'EVL_FEATURES_VIEW_UNKNOWN' });
  client.close();
});
