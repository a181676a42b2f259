import { status, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import { type CallOptions, type Decoded, epochMsOf, logFailure, textMetadata, undecodableRequest } from './call.ts';
import type { CallContext } from './implement.ts';
import { statusOf } from './status.ts';

type StreamedCall = ServerWritableStream<Decoded, unknown> | ServerDuplexStream<Decoded, unknown>;

/** The grpc-js side of a method with streamed responses: decode, deadline, back-pressure, status. Errors are logged here, once. */
export function streamHandler(options: CallOptions): (call: StreamedCall) => void {
  return (call) => void run(call, options);
}

async function run(call: StreamedCall, options: CallOptions): Promise<void> {
  const { method } = options;
  const endsAtMs = Math.min(epochMsOf(call.getDeadline()), Date.now() + options.deadlineMaxMs);
  const aborter = new AbortController();
  const { signal } = aborter;
  const timer = setTimeout(
    () => aborter.abort(new DOMException(`the deadline of ${method.path} passed`, 'TimeoutError')),
    Math.max(0, endsAtMs - Date.now()),
  );
  call.on('cancelled', () => aborter.abort(new DOMException(`the caller of ${method.path} went away`, 'AbortError')));
  const context: CallContext = {
    get deadlineMs() {
      return Math.max(0, endsAtMs - Date.now());
    },
    signal,
    get isOver() {
      return signal.aborted || Date.now() >= endsAtMs;
    },
    metadata: textMetadata(call),
  };
  try {
    const input =
      'iterator' in call && method.requestStream ? requestsOf(call, method.path, signal) : single(call, method.path);
    const responses = options.handler(input, context) as AsyncIterable<unknown>;
    for await (const response of responses) {
      signal.throwIfAborted();
      if (!call.write(response)) await drained(call, signal);
    }
    // A handler that ends because its time is over has not answered.
    signal.throwIfAborted();
    call.end();
  } catch (error) {
    if (signal.aborted && (error === signal.reason || call.cancelled)) {
      if (!call.cancelled)
        fail(call, { code: status.DEADLINE_EXCEEDED, details: `EVL_GRPC_DEADLINE: ${method.path} took too long` });
      return;
    }
    const answer = statusOf(error);
    logFailure(options, error, answer.code);
    fail(call, answer);
  } finally {
    clearTimeout(timer);
  }
}

function fail(call: StreamedCall, answer: { readonly code: status; readonly details: string }): void {
  call.emit('error', answer);
}

function single(call: StreamedCall, path: string): unknown {
  const { request } = call as ServerWritableStream<Decoded, unknown>;
  if ('undecodable' in request) throw undecodableRequest(path, request.undecodable);
  return request.message;
}

/** The requests of a call, each read when it is asked for. */
async function* requestsOf(call: StreamedCall, path: string, signal: AbortSignal): AsyncGenerator<unknown, void> {
  const source = (call as ServerDuplexStream<Decoded, unknown>).iterator({ destroyOnReturn: false });
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined);
  for (;;) {
    const next = (await Promise.race([source.next(), aborted])) as IteratorResult<Decoded, undefined>;
    if (next.done === true) return;
    if ('undecodable' in next.value) throw undecodableRequest(path, next.value.undecodable);
    yield next.value.message;
  }
}

/** Resolves when the caller has taken what was written; rejects with the signal's reason. */
function drained(call: StreamedCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      call.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onDrain = (): void => done(resolve);
    const onAbort = (): void => done(() => reject(signal.reason as Error));
    call.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
