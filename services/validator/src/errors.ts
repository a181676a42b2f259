import { ServiceError } from '@everloop/service';

/** A Source whose contract cannot be compiled: the registry should not have taken it. */
export function sourceUnusable(name: string, cause: unknown): ServiceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ServiceError({
    code: 'EVL_VALIDATOR_SOURCE_UNUSABLE',
    kind: 'terminal',
    message: `Source '${name}' cannot be used: ${text}; its records wait until a corrected resource is applied`,
    cause,
  });
}
