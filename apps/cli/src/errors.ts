import { ServiceError } from '@everloop/service';

/** What was asked for cannot be: exit code 2. */
export function badInput(message: string): ServiceError {
  return new ServiceError({ code: 'EVL_CLI_INPUT_INVALID', kind: 'terminal', message });
}

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, badInput: 2 } as const;

/** The code of an error and what it asks of the caller. */
export function exitCodeOf(code: string): number {
  return /_INVALID(_|$)|_NOT_FOUND$/.test(code) ? exitCodes.badInput : exitCodes.failed;
}
