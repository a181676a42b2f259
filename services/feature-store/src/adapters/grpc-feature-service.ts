import { features } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';

import type { FeatureCalls } from '../app/feature-calls.ts';

/** The FeatureService of the contract over the calls of the app. */
export function grpcFeatureService(calls: FeatureCalls): Implementation {
  return implement(features.FeatureServiceService, {
    getOnline: (request) => calls.getOnline(request),
    getHistorical: (request) => calls.getHistorical(request),
    createDataset: (request) => calls.createDataset(request),
    countLabels: (request) => calls.countLabels(request),
  });
}
