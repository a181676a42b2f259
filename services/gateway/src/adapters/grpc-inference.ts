import { inference } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';
import type { InferenceService } from '../ports.ts';

/** The Open Inference Protocol over gRPC. */
export function implementInference(service: InferenceService): Implementation {
  return implement(inference.GRPCInferenceServiceService, {
    serverLive: () => service.serverLive(),
    serverReady: () => service.serverReady(),
    modelReady: (request) => service.modelReady(request),
    serverMetadata: () => service.serverMetadata(),
    modelMetadata: (request) => service.modelMetadata(request),
    modelInfer: (request) => service.modelInfer(request),
  });
}
