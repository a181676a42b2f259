import { status, type handleUnaryCall, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { classify, errorText, ServiceError, type Logger } from '@everloop/service';
import { releaseCall } from './ended-streams.ts';
import type { RpcMethod } from './definition.ts';
import type { AnyHandler, CallContext, TextMetadata } from './implement.ts';
import { statusOf } from './status.ts';

/** A request as it left the decoder: grpc-js would answer a decoder's error with INTERNAL, so the error travels as a value. */
export type Decoded = { message: unknown } | { readonly undecodable: unknown };

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
    const answer = new UnaryAnswer(call, callback, options);
    if ('undecodable' in call.request) {
      answer.fail(undecodableRequest(options.method.path, call.request.undecodable));
      return;
    }
    const { message } = call.request;
    // The box lives as long as grpc-js's call does.
    call.request.message = undefined;
    void answerBy(options, message, answer);
  };
}

/** A handler that throws before its first await must fail the call, not the server. */
async function answerBy({ method, handler }: CallOptions, message: unknown, answer: UnaryAnswer): Promise<void> {
  try {
    // The timer that answers may be late; the work of a call that nobody waits for is not begun.
    if (answer.isOver) throw deadlinePassed(method.path);
    answer.succeed(await handler(message, answer));
  } catch (error) {
    answer.fail(error);
  }
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

/** One call and its one answer: the handler's, or DEADLINE_EXCEEDED, or none where the caller has gone. A class, since it is made for every call. */
class UnaryAnswer implements CallContext {
  readonly #headers: ServerUnaryCall<Decoded, unknown>['metadata'];
  #callback: sendUnaryData<unknown> | null;
  readonly #options: CallOptions;
  readonly #endsAtMs: number;
  readonly #aborter = new LateAborter();
  readonly #timer: NodeJS.Timeout;
  #metadata: TextMetadata | null = null;

  constructor(call: ServerUnaryCall<Decoded, unknown>, callback: sendUnaryData<unknown>, options: CallOptions) {
    this.#headers = call.metadata;
    this.#callback = callback;
    this.#options = options;
    const nowMs = Date.now();
    this.#endsAtMs = Math.min(epochMsOf(call.getDeadline()), nowMs + options.deadlineMaxMs);
    this.#timer = setTimeout(onDeadline, Math.max(0, this.#endsAtMs - nowMs), this);
    call.on('cancelled', () => this.#cancelled());
    releaseCall(call);
  }

  get deadlineMs(): number {
    return Math.max(0, this.#endsAtMs - Date.now());
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get isOver(): boolean {
    return this.#callback === null || Date.now() >= this.#endsAtMs;
  }

  get metadata(): TextMetadata {
    this.#metadata ??= textMetadata({ metadata: this.#headers });
    return this.#metadata;
  }

  succeed(response: unknown): void {
    this.#close()?.(null, response);
  }

  fail(error: unknown): void {
    const answer = statusOf(error);
    // The timer may be late. Work that was given up because the deadline has passed was cancelled by nobody.
    if (answer.code === status.CANCELLED && Date.now() >= this.#endsAtMs) {
      this.expire();
      return;
    }
    const callback = this.#close();
    if (callback === null) return;
    logFailure(this.#options, error, answer.code);
    callback({ code: answer.code, details: answer.details });
  }

  expire(): void {
    const { path } = this.#options.method;
    this.#close()?.({ code: status.DEADLINE_EXCEEDED, details: `EVL_GRPC_DEADLINE: ${path} took too long` });
    this.#aborter.abort(new DOMException(`the deadline of ${path} passed`, 'TimeoutError'));
  }

  #cancelled(): void {
    // grpc-js says so at the end of every call.
    if (this.#close() === null) return;
    this.#aborter.abort(new DOMException(`the caller of ${this.#options.method.path} went away`, 'AbortError'));
  }

  /** For the first who asks: the answer is theirs. */
  #close(): sendUnaryData<unknown> | null {
    const callback = this.#callback;
    if (callback === null) return null;
    this.#callback = null;
    clearTimeout(this.#timer);
    return callback;
  }
}

function onDeadline(answer: UnaryAnswer): void {
  answer.expire();
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

/** Asked for key by key: few are wanted, and hardly ever is one there. */
export function textMetadata({ metadata }: Pick<ServerUnaryCall<Decoded, unknown>, 'metadata'>): TextMetadata {
  let given: Readonly<Record<string, unknown>> | null = null;
  return {
    get(key) {
      // grpc-js checks and lowers the key each time it is asked.
      given ??= metadata.getMap();
      if (given[key] === undefined) return undefined;
      const value = metadata.get(key).at(-1);
      return typeof value === 'string' ? value : undefined;
    },
  };
}
