import { features } from '@everloop/contracts';
import { connect, createGrpcServer } from '@everloop/grpc';
import { expect, it } from 'vitest';

import { silentTelemetry } from '../../test/fixtures.ts';
import type { FeatureCalls } from '../app/feature-calls.ts';
import type { HistoricalCalls } from '../app/historical-calls.ts';
import type { OnlineCalls } from '../app/online-calls.ts';
import type { PushCalls } from '../app/push-calls.ts';
import { errors } from '../errors.ts';
import { grpcFeatureService } from './grpc-feature-service.ts';

it('carries values, statuses and refusals over gRPC', async () => {
  const answer: features.GetFeaturesResponse = {
    names: ['miles', 'origin', 'seats'],
    rows: [
      {
        values: [
          { kind: { $case: 'number', value: 1.25 } },
          { kind: { $case: 'text', value: 'EWR' } },
          { kind: { $case: 'missing', value: true } },
        ],
        statuses: ['FEATURE_STATUS_PRESENT', 'FEATURE_STATUS_PRESENT', 'FEATURE_STATUS_OUTSIDE_MAX_AGE'],
      },
    ],
  };
  const calls: FeatureCalls = {
    getOnline: async () => answer,
    getHistorical: async () => answer,
    createDataset: async ({ model }) => {
      throw errors.modelNotFound(model);
    },
    countLabels: async ({ asOfMs }) => ({ rows: asOfMs }),
  };
  const historical: HistoricalCalls = {
    async *getHistoricalStream(requests) {
      for await (const request of requests) yield { names: request.features, rows: answer.rows };
    },
    describe: async ({ views }) => {
      throw errors.requestInvalid(`no ${views.join()}`);
    },
  };
  const online: Pick<OnlineCalls, 'getOnlineBatch'> = {
    getOnlineBatch: async ({ features: names, asOfMs }) => ({
      asOfMs,
      rows: 1,
      watermarkMs: null,
      columns: [
        { name: names[0] ?? '', view: 0, numbers: new Float64Array([7.5]), texts: null, statuses: new Uint8Array([1]) },
      ],
      views: [{ name: 'plan', eventMs: new Float64Array([90]) }],
      definitions: [{ revision: 3, digest: 'ab' }],
    }),
  };
  const push: PushCalls = {
    push: async ({ source }) => {
      throw errors.sourceNotFound(source);
    },
    materialize: async ({ views }) => ({ rows: views.length, records: 2, partitions: ['t/0'] }),
  };
  const server = createGrpcServer({
    name: 'grpc',
    host: '127.0.0.1',
    port: 0,
    services: [grpcFeatureService(calls, historical, online, push)],
    logger: silentTelemetry.logger,
  });
  await server.start();
  const client = connect(features.FeatureServiceService, `127.0.0.1:${server.port}`, {
    name: 'test',
    deadlineMs: 5_000,
  });
  const batch = features.GetOnlineBatchRequest.fromPartial({ features: ['plan.seats'], asOfMs: 100 });
  expect(await client.getOnlineBatch(batch)).toEqual({
    asOfMs: 100,
    watermarkMs: 0,
    features: [{ name: 'plan.seats', view: 0, numbers: [7.5], texts: [], statuses: Buffer.from([1]) }],
    views: [{ name: 'plan', revision: 3, digest: 'ab', eventMs: [90] }],
  });
  expect(await client.getOnline({ model: 'm', rows: [] })).toEqual(answer);
  expect(await client.countLabels({ model: 'm', asOfMs: 1_357_000_000_000, exclude: [] })).toEqual({
    rows: 1_357_000_000_000,
  });
  const refused = client.createDataset(
    features.CreateDatasetRequest.fromPartial({ model: 'nobody', fromMs: 0, untilMs: 1, asOfMs: 1 }),
  );
  await expect(refused).rejects.toMatchObject({ code: 'EVL_FEATURES_MODEL_NOT_FOUND', kind: 'terminal' });
  const asked = [['a'], ['b']].map((names) => features.GetHistoricalStreamRequest.fromPartial({ features: names }));
  const streamed: string[] = [];
  for await (const { names, rows } of client.getHistoricalStream(asked)) {
    expect(rows).toEqual(answer.rows);
    streamed.push(...names);
  }
  expect(streamed).toEqual(['a', 'b']);
  await expect(client.describe({ views: ['x'] })).rejects.toMatchObject({ code: 'EVL_FEATURES_REQUEST_INVALID' });
  expect(await client.materialize({ views: ['a'], fromMs: 0, untilMs: 0 })).toEqual({
    rows: 1,
    records: 2,
    partitions: ['t/0'],
  });
  await expect(client.push({ source: 'x', recordsJson: [], waitMs: 0 })).rejects.toMatchObject({
    code: 'EVL_FEATURES_SOURCE_UNKNOWN',
  });
  client.close();
  await server.stop();
});
