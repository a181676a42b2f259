import { datasets } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';

import type { DatasetCalls } from '../app/dataset-calls.ts';

/** The DatasetService of the contract over the calls of the app. */
export function grpcDatasetService(calls: DatasetCalls): Implementation {
  return implement(datasets.DatasetServiceService, {
    listDatasets: (request) => calls.list(request),
    getDataset: (request) => calls.get(request),
    tagDataset: (request) => calls.tag(request),
    diffDatasets: (request) => calls.diff(request),
    verifyDataset: (request) => calls.verify(request),
    checkoutDataset: (request) => calls.checkout(request),
    openVault: (request) => calls.openVault(request),
  });
}
