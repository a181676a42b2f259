import { features } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';

import type { FeatureCalls } from '../app/feature-calls.ts';
import type { HistoricalCalls } from '../app/historical-calls.ts';

/** The FeatureService of the contract over the calls of the app. */
export function grpcFeatureService(calls: FeatureCalls, historical: HistoricalCalls): Implementation {
  return implement(features.FeatureServiceService, {
    getOnline: (request) => calls.getOnline(request),
    getHistorical: (request) => calls.getHistorical(request),
    getHistoricalStream: (requests) => historical.getHistoricalStream(requests),
    describe: (request) => historical.describe(request),
    createDataset: (request) => calls.createDataset(request),
    countLabels: (request) => calls.countLabels(request),
  });
}
