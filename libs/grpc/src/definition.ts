/** One method as ts-proto generates it. */
interface Method<Q extends boolean, S extends boolean> {
  readonly path: string;
  readonly requestStream: Q;
  readonly responseStream: S;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

export type UnaryMethod = Method<false, false>;
/** One request, many responses. */
export type ServerStreamMethod = Method<false, true>;
/** Many requests, many responses. */
export type BidiMethod = Method<true, true>;
export type RpcMethod = UnaryMethod | ServerStreamMethod | BidiMethod;

/** A service as ts-proto generates it (`RegistryServiceService`). Methods with streamed requests and one response are not supported. */
export type ServiceDefinition = Readonly<Record<string, RpcMethod>>;

/** The decoded request of a method. */
export type RequestOf<M extends RpcMethod> = ReturnType<M['requestDeserialize']>;

/** The decoded response of a method. */
export type ResponseOf<M extends RpcMethod> = ReturnType<M['responseDeserialize']>;

/** Largest request or response, bytes: a batch of predictions or a model's metadata fits, an endless message does not. */
export const messageBytesMax = 16 * 1024 * 1024;

/**
 * The method with an encoder of the server's own for its responses: the handler then gives `A`. For answers so large or so frequent that the
 * generated encoder costs more than all else. Clients use the method as it is.
 */
export function withEncoder<M extends UnaryMethod, A>(
  method: M,
  encode: (answer: A) => Buffer,
): Omit<M, 'responseSerialize' | 'responseDeserialize'> & {
  readonly responseSerialize: (answer: A) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => A;
} {
  const responseDeserialize = (): A => {
    throw new TypeError(`${method.path}: this form of the method is for servers`);
  };
  return { ...method, responseSerialize: encode, responseDeserialize };
}

/** `everloop.registry.v1.RegistryService` of a definition. */
export function serviceNameOf(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path ?? '';
  return path.split('/')[1] ?? '';
}

export function isStreamed(method: RpcMethod): method is ServerStreamMethod | BidiMethod {
  return method.responseStream;
}
