import { Metadata, type Client, type ClientDuplexStream, type ServiceError as GrpcError } from '@grpc/grpc-js';
import type { CallSettings, ConnectOptions } from './client-options.ts';
import type { BidiMethod, ServerStreamMethod } from './definition.ts';
import { errorOf } from './status.ts';

interface StreamCallerOptions {
  readonly client: Client;
  readonly method: ServerStreamMethod | BidiMethod;
  readonly address: string;
  readonly options: ConnectOptions;
}

type AnyStream = ClientDuplexStream<unknown, unknown>;

/** Calls a method with streamed responses. Without a deadline of its own the call lasts as long as the server lets it. */
export function streamCaller(caller: StreamCallerOptions) {
  return async function* (input: unknown, settings: CallSettings = {}): AsyncGenerator<unknown, void> {
    settings.signal?.throwIfAborted();
    const call = open(caller, input, settings);
    const cancel = (): void => call.cancel();
    settings.signal?.addEventListener('abort', cancel, { once: true });
    // A cancelled call ends with an error that nobody waits for any more.
    call.on('error', () => undefined);
    const pumped = caller.method.requestStream ? pump(call, input as AsyncIterable<unknown> | Iterable<unknown>) : null;
    const failed: unknown[] = [];
    pumped?.catch((error: unknown) => {
      failed.push(error);
      call.cancel();
    });
    try {
      for await (const message of call.iterator({ destroyOnReturn: false })) yield message as unknown;
    } catch (error) {
      if (failed.length > 0) throw failed[0];
      if (settings.signal?.aborted === true) throw settings.signal.reason;
      throw errorOf(
        error as GrpcError,
        `${caller.options.name} called ${caller.method.path} at ${caller.address}`,
        error,
      );
    } finally {
      settings.signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  };
}

function open({ client, method }: StreamCallerOptions, input: unknown, settings: CallSettings): AnyStream {
  const metadata = new Metadata();
  for (const [key, value] of settings.metadata ?? []) metadata.set(key, value);
  const limits = settings.deadlineMs === undefined ? {} : { deadline: Date.now() + settings.deadlineMs };
  const serialize = method.requestSerialize as (value: unknown) => Buffer;
  const { path, responseDeserialize } = method;
  if (method.requestStream) return client.makeBidiStreamRequest(path, serialize, responseDeserialize, metadata, limits);
  return client.makeServerStreamRequest(
    path,
    serialize,
    responseDeserialize,
    input,
    metadata,
    limits,
  ) as unknown as AnyStream;
}

/** Sends requests as fast as the server takes them. Rejects only with what the iteration of the requests throws. */
async function pump(call: AnyStream, requests: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
  for await (const request of requests) {
    if (isOver(call)) return;
    if (!call.write(request)) await writable(call);
  }
  if (!isOver(call)) call.end();
}

function isOver(call: AnyStream): boolean {
  return call.destroyed || call.writableEnded || call.readableEnded;
}

/** Resolves when the call takes more, or is over. */
function writable(call: AnyStream): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error', 'end', 'status'] as const;
    const done = (): void => {
      for (const event of events) call.off(event, done);
      resolve();
    };
    for (const event of events) call.on(event, done);
  });
}
