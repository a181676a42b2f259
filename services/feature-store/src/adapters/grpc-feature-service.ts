import { features } from '@everloop/contracts';
import { implement, withEncoder, type Implementation } from '@everloop/grpc';

import type { FeatureCalls } from '../app/feature-calls.ts';
import type { HistoricalCalls } from '../app/historical-calls.ts';
import type { OnlineCalls } from '../app/online-calls.ts';
import type { PushCalls } from '../app/push-calls.ts';
import { encodeOnlineAnswer } from './encode-online-answer.ts';

const { FeatureServiceService: contract } = features;
const definition = { ...contract, getOnlineBatch: withEncoder(contract.getOnlineBatch, encodeOnlineAnswer) };

/** The FeatureService of the contract over the calls of the app. */
export function grpcFeatureService(
  calls: FeatureCalls,
  historical: HistoricalCalls,
  online: Pick<OnlineCalls, 'getOnlineBatch'>,
  push: PushCalls,
): Implementation {
  return implement(definition, {
    push: (request) => push.push(request),
    materialize: (request) => push.materialize(request),
    getOnline: (request) => calls.getOnline(request),
    getOnlineBatch: (request) => online.getOnlineBatch(request),
    getHistorical: (request) => calls.getHistorical(request),
    getHistoricalStream: (requests) => historical.getHistoricalStream(requests),
    describe: (request) => historical.describe(request),
    createDataset: (request) => calls.createDataset(request),
    countLabels: (request) => calls.countLabels(request),
  });
}
