import { compileCel, ContractError } from '@everloop/contracts';
import type { RequestRow } from './gate.ts';

/** Whether a target takes a request: its expression must hold for every row. */
export type TargetTest = (rows: readonly RequestRow[], unit: string) => boolean;

/**
 * Compiles the expression of a target, CEL over `record`: the request's fields, and `record.unit`. An expression that cannot be
 * evaluated for a row does not hold for it. Null where it is no expression; a Rollout with such a one is refused when it is applied.
 */
export function compileTarget(cel: string): TargetTest | null {
  try {
    const holds = compileCel(cel);
    return (rows, unit) => rows.every((row) => holds({ ...row, unit }));
  } catch (error) {
    if (error instanceof ContractError) return null;
    throw error;
  }
}
