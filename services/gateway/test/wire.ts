import { inference, servingApi } from '@everloop/contracts';
import { connect, createGrpcServer } from '@everloop/grpc';
import { createLogger } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { implementInference } from '../src/adapters/grpc-inference.ts';
import { implementServing } from '../src/adapters/grpc-serving.ts';
import type { Caller, InferenceService } from '../src/ports.ts';
import { setUp, type Harness } from './harness.ts';

export interface WireOptions {
  readonly messageBytesMax?: number;
  readonly streamInFlightMax?: number;
  readonly gateway?: Parameters<typeof setUp>[0];
  readonly resources?: Parameters<typeof setUp>[1];
  /** What else the world has before the start. */
  readonly prepare?: (harness: Harness) => void;
}

/** A gateway on in-memory ports behind a real gRPC port; model `delay` is served by version 1. */
export async function serve(options: WireOptions = {}) {
  const lines: { readonly level: string; readonly message: string }[] = [];
  const logger = createLogger({
    service: 'gateway',
    write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]),
  });
  const harness: Harness = setUp(
    { ...options.gateway, onServed: (model) => grpc.setServing(model, true) },
    options.resources,
  );
  options.prepare?.(harness);
  const callers: Caller[] = [];
  const seen = (caller: Caller | undefined): Caller | undefined => {
    if (caller !== undefined) callers.push(caller);
    return caller;
  };
  const service: InferenceService = {
    ...harness.gateway.service,
    modelInfer: (request, caller) => harness.gateway.service.modelInfer(request, seen(caller)),
    modelInferEncoded: (request, caller) => harness.gateway.service.modelInferEncoded(request, seen(caller)),
  };
  const grpc = createGrpcServer({
    ...{ name: 'grpc', host: '127.0.0.1', port: 0, logger },
    services: [
      implementServing(harness.gateway.serving),
      implementInference(service, { streamInFlightMax: options.streamInFlightMax ?? 4 }),
    ],
    ...(options.messageBytesMax === undefined ? {} : { messageBytesMax: options.messageBytesMax }),
  });
  await harness.start();
  await harness.route({});
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '' }).ready);
  await grpc.start();
  const address = `127.0.0.1:${grpc.port}`;
  const client = connect(inference.GRPCInferenceServiceService, address, { name: 'test', deadlineMs: 10_000 });
  const serving = connect(servingApi.ServingServiceService, address, { name: 'test', deadlineMs: 10_000 });
  return {
    ...{ harness, service, grpc, client, serving, address, lines, callers },
    async stop() {
      client.close();
      serving.close();
      await grpc.stop();
      await harness.stop();
    },
  };
}
