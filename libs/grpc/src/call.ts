import { status, type handleUnaryCall, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { classify, errorText, ServiceError, type Logger } from '@everloop/service';
import type { RpcMethod } from './definition.ts';
import type { AnyHandler, CallContext, TextMetadata } from './implement.ts';
import { statusOf } from './status.ts';

/** A request as it left the decoder: grpc-js would answer a decoder's error with INTERNAL, so the error travels as a value. */
export type Decoded = { readonly message: unknown } | { readonly undecodable: unknown };

/** A decoder that never throws. */
export function safeDecoder(method: RpcMethod): (bytes: Buffer) => Decoded {
  return (bytes) => {
    try {
      return { message: method.requestDeserialize(bytes) };
    } catch (error) {
      return { undecodable: error };
    }
  };
}

export interface CallOptions {
  readonly method: RpcMethod;
  readonly handler: AnyHandler;
  /** Longest time a call may take, milliseconds, whatever its caller allows. */
  readonly deadlineMaxMs: number;
  readonly logger: Logger;
}

/** The grpc-js side of one unary method: decode, deadline, handler, status. Errors are logged here, once. */
export function unaryHandler(options: CallOptions): handleUnaryCall<Decoded, unknown> {
  return (call, callback) => {
    const answer = answerOnce(call, callback, options);
    if ('undecodable' in call.request) {
      answer.fail(undecodableRequest(options.method.path, call.request.undecodable));
      return;
    }
    const { message } = call.request;
    const { method, handler } = options;
    // A handler that throws before its first await must fail the call, not the server.
    void Promise.resolve()
      .then(() => {
        // The timer that answers may be late; the work of a call that nobody waits for is not begun.
        if (answer.context.isOver) throw deadlinePassed(method.path);
        return handler(message, answer.context);
      })
      .then(answer.succeed, answer.fail);
  };
}

export function undecodableRequest(path: string, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_GRPC_REQUEST_UNDECODABLE',
    kind: 'terminal',
    message: `the bytes of the request to ${path} are no message of its type: ${errorText(cause)}`,
    cause,
  });
}

function deadlinePassed(path: string): ServiceError {
  return new ServiceError({
    code: 'EVL_GRPC_DEADLINE',
    kind: 'retryable',
    message: `the deadline of the call to ${path} had passed before it was begun; allow it more time`,
  });
}

interface Answer {
  readonly context: CallContext;
  readonly succeed: (response: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** An abort signal that is made when somebody asks for it: most calls end before anybody does. */
class LateAborter {
  #aborter: AbortController | null = null;
  #reason: DOMException | null = null;

  get signal(): AbortSignal {
    if (this.#aborter === null) {
      this.#aborter = new AbortController();
      if (this.#reason !== null) this.#aborter.abort(this.#reason);
    }
    return this.#aborter.signal;
  }

  abort(reason: DOMException): void {
    this.#reason ??= reason;
    this.#aborter?.abort(reason);
  }
}

function answerOnce(
  call: ServerUnaryCall<Decoded, unknown>,
  callback: sendUnaryData<unknown>,
  options: CallOptions,
): Answer {
  const endsAtMs = Math.min(epochMsOf(call.getDeadline()), Date.now() + options.deadlineMaxMs);
  const aborter = new LateAborter();
  let answered = false;
  const finish = (send: () => void): void => {
    if (answered) return;
    answered = true;
    clearTimeout(timer);
    send();
  };
  const timer = setTimeout(
    () => {
      finish(() =>
        callback({
          code: status.DEADLINE_EXCEEDED,
          details: `EVL_GRPC_DEADLINE: ${options.method.path} took too long`,
        }),
      );
      aborter.abort(new DOMException(`the deadline of ${options.method.path} passed`, 'TimeoutError'));
    },
    Math.max(0, endsAtMs - Date.now()),
  );
  call.on('cancelled', () => {
    // grpc-js says so at the end of every call.
    if (answered) return;
    finish(() => undefined);
    aborter.abort(new DOMException(`the caller of ${options.method.path} went away`, 'AbortError'));
  });
  let metadata: TextMetadata | null = null;
  const context: CallContext = {
    get deadlineMs() {
      return Math.max(0, endsAtMs - Date.now());
    },
    get signal() {
      return aborter.signal;
    },
    get isOver() {
      return answered || Date.now() >= endsAtMs;
    },
    get metadata() {
      metadata ??= textMetadata(call);
      return metadata;
    },
  };
  return {
    context,
    succeed: (response) => finish(() => callback(null, response)),
    fail: (error) =>
      finish(() => {
        const answer = statusOf(error);
        logFailure(options, error, answer.code);
        callback({ code: answer.code, details: answer.details });
      }),
  };
}

export function logFailure({ logger, method }: CallOptions, error: unknown, code: status): void {
  const fields = { err: error, path: method.path, status: status[code] };
  switch (classify(error)) {
    case 'bug':
      logger.error(fields, 'call failed');
      break;
    case 'retryable':
      logger.warn(fields, 'call failed for now');
      break;
    case 'terminal':
      logger.debug(fields, 'call refused');
      break;
  }
}

export function epochMsOf(deadline: Date | number): number {
  return typeof deadline === 'number' ? deadline : deadline.getTime();
}

/** Asked for key by key: few are wanted of many. */
export function textMetadata({ metadata }: Pick<ServerUnaryCall<Decoded, unknown>, 'metadata'>): TextMetadata {
  return {
    get(key) {
      const value = metadata.get(key).at(-1);
      return typeof value === 'string' ? value : undefined;
    },
  };
}
