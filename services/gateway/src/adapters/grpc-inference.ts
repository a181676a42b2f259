import { inference } from '@everloop/contracts';
import { implement, withEncoder, type CallContext, type Implementation } from '@everloop/grpc';
import { withRouteHeaders } from '../domain/route-token.ts';
import type { InferenceService } from '../ports.ts';
import { streamInfer } from './grpc-stream.ts';

export interface GrpcInferenceOptions {
  /** Requests of one stream under way at once. */
  readonly streamInFlightMax: number;
}

const { modelInfer } = inference.GRPCInferenceServiceService;
const definition = {
  ...inference.GRPCInferenceServiceService,
  modelInfer: withEncoder(modelInfer, (encoded: Buffer) => encoded),
} as const;

/** The Open Inference Protocol over gRPC, with the extensions of the Triton Inference Server. */
export function implementInference(service: InferenceService, options: GrpcInferenceOptions): Implementation {
  return implement(definition, {
    serverLive: () => service.serverLive(),
    serverReady: () => service.serverReady(),
    modelReady: (request) => service.modelReady(request),
    serverMetadata: () => service.serverMetadata(),
    // Field 6 is `properties`, a map of texts, to some clients and `parameters`, a map of messages, to others (MLServer), who cannot read the answer
    // then. Left empty, all can; ModelConfig has the same as `parameters`.
    modelMetadata: (request) => ({ ...service.modelMetadata(request), properties: {} }),
    modelInfer: (request, context) => service.modelInferEncoded(routed(request, context), context),
    modelStreamInfer: (requests, context) =>
      streamInfer(
        requests,
        (request) => service.modelInfer(routed(request, context), context),
        options.streamInFlightMax,
      ),
    modelConfig: (request) => service.modelConfig(request),
    modelStatistics: (request) => service.modelStatistics(request),
    repositoryIndex: (request) => service.repositoryIndex(request),
    repositoryModelLoad: (request) => service.repositoryModelLoad(request).then(() => ({})),
    repositoryModelUnload: (request) => service.repositoryModelUnload(request).then(() => ({})),
  });
}

function routed(
  request: inference.ModelInferRequest,
  { metadata }: Pick<CallContext, 'metadata'>,
): inference.ModelInferRequest {
  return withRouteHeaders(request, (key) => metadata.get(key));
}
