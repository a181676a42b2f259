import { ServiceError } from '@everloop/service';

/** An error of the local platform that a person must act on; the message says how. */
export function localError(code: `EVL_LOCAL_${string}`, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message, cause });
}
