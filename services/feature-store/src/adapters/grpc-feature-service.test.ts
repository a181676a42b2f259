import { features } from '@everloop/contracts';
import { connect, createGrpcServer } from '@everloop/grpc';
import { expect, it } from 'vitest';

import { silentTelemetry } from '../../test/fixtures.ts';
import type { FeatureCalls } from '../app/feature-calls.ts';
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
  const server = createGrpcServer({
    name: 'grpc',
    host: '127.0.0.1',
    port: 0,
    services: [grpcFeatureService(calls)],
    logger: silentTelemetry.logger,
  });
  await server.start();
  const client = connect(features.FeatureServiceService, `127.0.0.1:${server.port}`, {
    name: 'test',
    deadlineMs: 5_000,
  });
  expect(await client.getOnline({ model: 'm', rows: [] })).toEqual(answer);
  expect(await client.countLabels({ model: 'm', asOfMs: 1_357_000_000_000, exclude: [] })).toEqual({
    rows: 1_357_000_000_000,
  });
  const refused = client.createDataset({ model: 'nobody', fromMs: 0, untilMs: 1, asOfMs: 1, exclude: [] });
  await expect(refused).rejects.toMatchObject({ code: 'EVL_FEATURES_MODEL_NOT_FOUND', kind: 'terminal' });
  client.close();
  await server.stop();
});
