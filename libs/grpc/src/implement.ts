import type { RequestOf, ResponseOf, RpcMethod, ServiceDefinition } from './definition.ts';

/** Text metadata by key in lower case. */
export interface TextMetadata {
  get(key: string): string | undefined;
}

/** What a handler knows of its call. */
export interface CallContext {
  /** Milliseconds left until the call is answered with DEADLINE_EXCEEDED; falls while the handler works, never below 0. */
  readonly deadlineMs: number;
  /** Aborts when the deadline passes, the caller goes away or the server stops by force. */
  readonly signal: AbortSignal;
  /** The deadline has passed or the caller is gone: work not begun is not worth beginning. Cheaper than `signal`. */
  readonly isOver: boolean;
  /** Text metadata of the call, keys in lower case; a repeated key keeps its last value. */
  readonly metadata: TextMetadata;
}

/**
 * The code behind one method. A streamed response is pulled: the next message is asked for when the caller has taken the ones before, so
 * that memory stays bounded however slow the caller is.
 */
export type HandlerOf<M extends RpcMethod> = M['responseStream'] extends false
  ? (request: RequestOf<M>, context: CallContext) => Promise<ResponseOf<M>> | ResponseOf<M>
  : M['requestStream'] extends false
    ? (request: RequestOf<M>, context: CallContext) => AsyncIterable<ResponseOf<M>>
    : (requests: AsyncIterable<RequestOf<M>>, context: CallContext) => AsyncIterable<ResponseOf<M>>;

/** One function per method; what it throws becomes the call's status. */
export type Handlers<D extends ServiceDefinition> = { readonly [K in keyof D]: HandlerOf<D[K]> };

/** A handler without its types, as the server calls it. */
export type AnyHandler = (request: unknown, context: CallContext) => unknown;

/** A service together with the code behind it. */
export interface Implementation {
  readonly definition: ServiceDefinition;
  readonly methods: readonly { readonly name: string; readonly method: RpcMethod; readonly handler: AnyHandler }[];
}

/** Binds a service definition of @everloop/contracts to its handlers. */
export function implement<const D extends ServiceDefinition>(definition: D, handlers: Handlers<D>): Implementation {
  const methods = Object.entries(definition).map(([name, method]) => ({
    name,
    method,
    handler: handlers[name] as unknown as AnyHandler,
  }));
  return { definition, methods };
}
