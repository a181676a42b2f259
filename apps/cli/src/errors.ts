import { ServiceError } from '@everloop/service';

/** What was asked for cannot be: exit code 2. */
export function badInput(message: string): ServiceError {
  return new ServiceError({ code: 'EVL_CLI_INPUT_INVALID', kind: 'terminal', message });
}

/** Monitors whose alarm budget nothing keeps, and nobody said that they are wanted all the same. `lines`: each with its numbers. */
export function overBudget(lines: readonly string[]): ServiceError {
  return new ServiceError({
    code: 'EVL_CLI_MONITOR_OVER_BUDGET',
    kind: 'terminal',
    message: `nothing was applied, since nothing that was tried keeps the alarm budget of ${lines.join(' and of ')}: allow more (budget.falseRetrainings), match a season (reference.phase), make windows longer, watch fewer fields, or apply it all the same with --accept-over-budget or --force`,
  });
}

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, badInput: 2 } as const;

/** The code of an error and what it asks of the caller. */
export function exitCodeOf(code: string): number {
  return /_INVALID(_|$)|_NOT_FOUND$/.test(code) ? exitCodes.badInput : exitCodes.failed;
}
