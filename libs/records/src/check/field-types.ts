import type { FieldContract, SourceSpec } from '@everloop/contracts';
import type { Findings } from './findings.ts';

/**
 * Adds to `findings` what is wrong with a field's value; `undefined` is absent. Paths begin at the field; who holds it puts its own name
 * before them. `exact` is the same value with numbers as they were written, where that is known.
 */
export type FieldCheck = (value: unknown, findings: Findings, exact: unknown) => void;

export type UnexpectedMode = SourceSpec['unexpected'];

/** Compiles the contract of one field; `name` is empty for the elements of an array. */
export type CompileField = (name: string, contract: FieldContract, unexpected: UnexpectedMode) => FieldCheck;
