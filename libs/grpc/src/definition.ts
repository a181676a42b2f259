/** One unary method as ts-proto generates it. */
export interface UnaryMethod {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A service as ts-proto generates it (`RegistryServiceService`); unary methods only. */
export type ServiceDefinition = Readonly<Record<string, UnaryMethod>>;

/** The decoded request of a method. */
export type RequestOf<M extends UnaryMethod> = ReturnType<M['requestDeserialize']>;

/** The decoded response of a method. */
export type ResponseOf<M extends UnaryMethod> = ReturnType<M['responseDeserialize']>;

/** Largest request or response, bytes: a batch of predictions or a model's metadata fits, an endless message does not. */
export const messageBytesMax = 16 * 1024 * 1024;

/** `everloop.registry.v1.RegistryService` of a definition. */
export function serviceNameOf(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path ?? '';
  return path.split('/')[1] ?? '';
}
