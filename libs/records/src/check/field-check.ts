import { compilePattern, type FieldContract } from '@everloop/contracts';
import { compileArray, compileNested } from './container-check.ts';
import { compileDecimal } from './decimal-check.ts';
import type { FieldCheck, UnexpectedMode } from './field-types.ts';
import type { Findings } from './findings.ts';
import { parseTimestamp } from './timestamp.ts';
import { valuesMessage } from './verdict.ts';

/** Compiles the contract of one field; `name` is empty for the elements of an array. Throws when its pattern is no regular expression. */
export function compileField(name: string, contract: FieldContract, unexpected: UnexpectedMode): FieldCheck {
  const checkPresent = compilePresent(name, contract, unexpected);
  const { required } = contract;
  const nullable = contract.nullable ?? !required;
  return (value, findings, exact) => {
    if (value !== undefined && value !== null) checkPresent(value, findings, exact);
    else if (value === undefined ? required : !nullable) addMissing(name, required, value, findings);
  };
}

function addMissing(name: string, required: boolean, value: null | undefined, findings: Findings): void {
  if (value === undefined) findings.add('required', name, 'the field is required but absent');
  else if (required) findings.add('required', name, 'the field is required but null', null);
  else findings.add('nullable', name, 'the field may be absent but not null', null);
}

function compilePresent(name: string, contract: FieldContract, unexpected: UnexpectedMode): FieldCheck {
  switch (contract.type) {
    case 'string':
      return compileString(name, contract);
    case 'number':
      return compileNumber(name, contract, Number.isFinite, 'a finite number');
    case 'integer':
      // Beyond 2^53 JSON's numbers are no longer exact.
      return compileNumber(name, contract, Number.isSafeInteger, 'a whole number within ±(2^53 − 1)');
    case 'boolean':
      return (value, findings) => {
        if (typeof value !== 'boolean') findings.add('type', name, 'not true or false', value);
      };
    case 'timestamp':
      return (value, findings) => {
        if (parseTimestamp(value) === null)
          findings.add('type', name, 'not an RFC 3339 time or epoch milliseconds', value);
      };
    case 'decimal':
      return compileDecimal(name, contract);
    case 'object':
      return compileNested(name, contract, unexpected, compileField);
    case 'array':
      return compileArray(name, contract, unexpected, compileField);
  }
}

function compileString(name: string, contract: FieldContract): FieldCheck {
  const { minLength = 0, maxLength = Infinity } = contract;
  const pattern = contract.pattern === undefined ? null : compilePattern(contract.pattern);
  const values = compileValues(contract);
  return (value, findings) => {
    if (typeof value !== 'string') {
      findings.add('type', name, 'not text', value);
      return;
    }
    if (!value.isWellFormed()) {
      findings.add('type', name, 'not text: half of a surrogate pair has no UTF-8 form', value.toWellFormed());
      return;
    }
    // A character outside the basic plane counts once but is two long: count only where that can matter.
    if (value.length < minLength * 2 && characters(value) < minLength)
      findings.add('min_length', name, `shorter than ${minLength} characters`, value);
    if (value.length > maxLength && characters(value) > maxLength)
      findings.add('max_length', name, `longer than ${maxLength} characters`, value);
    if (pattern !== null && !pattern(value))
      findings.add('pattern', name, `does not match ${contract.pattern ?? ''}`, value);
    if (values !== null && !values.allowed.has(value)) findings.add('values', name, values.message, value);
  };
}

function compileNumber(
  name: string,
  contract: FieldContract,
  isType: (value: unknown) => boolean,
  typeText: string,
): FieldCheck {
  const { min = -Infinity, max = Infinity } = contract;
  const values = compileValues(contract);
  return (value, findings) => {
    if (typeof value !== 'number' || !isType(value)) {
      findings.add('type', name, `not ${typeText}`, value);
      return;
    }
    if (value < min) findings.add('min', name, `below ${min}`, value);
    if (value > max) findings.add('max', name, `above ${max}`, value);
    if (values !== null && !values.allowed.has(value)) findings.add('values', name, values.message, value);
  };
}

function compileValues({ values }: FieldContract): { allowed: ReadonlySet<unknown>; message: string } | null {
  return values === undefined ? null : { allowed: new Set<unknown>(values), message: valuesMessage(values) };
}

function characters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += 1) {
    if ((text.codePointAt(i) ?? 0) > 0xffff) i += 1;
    count += 1;
  }
  return count;
}
