import { Client, credentials, Metadata, type ServiceError as GrpcError } from '@grpc/grpc-js';
import { streamCaller } from './client-stream.ts';
import {
  isStreamed,
  messageBytesMax,
  type RequestOf,
  type ResponseOf,
  type RpcMethod,
  type ServiceDefinition,
  type UnaryMethod,
} from './definition.ts';
import type { CallSettings, ConnectOptions } from './client-options.ts';
import { errorOf } from './status.ts';

/**
 * How a method is called. Streamed responses are taken by `for await`; leaving the loop cancels the call. Streamed requests are pulled as
 * fast as the server takes them.
 */
type CallerOf<M extends RpcMethod> = M['responseStream'] extends false
  ? (request: RequestOf<M>, settings?: CallSettings) => Promise<ResponseOf<M>>
  : M['requestStream'] extends false
    ? (request: RequestOf<M>, settings?: CallSettings) => AsyncGenerator<ResponseOf<M>, void>
    : (
        requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
        settings?: CallSettings,
      ) => AsyncGenerator<ResponseOf<M>, void>;

/** A client with one function per method of the service. */
export type GrpcClient<D extends ServiceDefinition> = { readonly [K in keyof D]: CallerOf<D[K]> } & {
  readonly close: () => void;
};

/** Pauses between tries to reconnect, milliseconds: short, because a service that restarts is back within seconds. */
const reconnectMs = { initial: 100, max: 2_000 };

/**
 * A client of the service at `address` (`host:port`). It connects at the first call and connects again for as long as it is
 * open; calls fail with ServiceError, retryable while the service is away.
 */
export function connect<const D extends ServiceDefinition>(
  definition: D,
  address: string,
  options: ConnectOptions,
): GrpcClient<D> {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.initial_reconnect_backoff_ms': reconnectMs.initial,
    'grpc.min_reconnect_backoff_ms': reconnectMs.initial,
    'grpc.max_reconnect_backoff_ms': reconnectMs.max,
    'grpc.primary_user_agent': options.name,
    // Two clients of one process to one address must not share a broken connection's back-off.
    'grpc.use_local_subchannel_pool': 1,
  });
  const calls = Object.entries(definition).map(
    ([name, method]) =>
      [
        name,
        isStreamed(method)
          ? streamCaller({ client, method, address, options })
          : caller(client, method, address, options),
      ] as const,
  );
  return Object.freeze({ ...Object.fromEntries(calls), close: () => client.close() }) as unknown as GrpcClient<D>;
}

function caller(client: Client, method: UnaryMethod, address: string, options: ConnectOptions) {
  const serialize = method.requestSerialize as (value: unknown) => Buffer;
  return (request: unknown, settings: CallSettings = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata();
      for (const [key, value] of settings.metadata ?? []) metadata.set(key, value);
      const deadline = Date.now() + (settings.deadlineMs ?? options.deadlineMs);
      const done = (error: GrpcError | null, response: unknown): void => {
        settings.signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response);
        else reject(errorOf(error, `${options.name} called ${method.path} at ${address}`, error));
      };
      const call = client.makeUnaryRequest(
        method.path,
        serialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline },
        done,
      );
      const cancel = (): void => call.cancel();
      settings.signal?.addEventListener('abort', cancel, { once: true });
      if (settings.signal?.aborted === true) cancel();
    });
}
