import { toServiceError, type ServiceError } from './errors.ts';

/** EVL_SERVICE_HTTP_LISTEN, with the variable that chooses another port. */
export function listenError(
  error: unknown,
  at: { readonly host: string; readonly port: number },
  variable: string,
): ServiceError {
  return toServiceError(error, {
    code: 'EVL_SERVICE_HTTP_LISTEN',
    kind: 'terminal',
    message: `cannot listen on ${at.host}:${at.port}; free the port or choose another by ${variable}`,
  });
}
