import { compilePattern, type FieldContract } from '@everloop/contracts';
import { parseTimestamp } from './timestamp.ts';
import { reason, type Reason } from './verdict.ts';

/** Adds to `reasons` what is wrong with a field's value; `undefined` and null are the same: there is none. */
export type FieldCheck = (value: unknown, reasons: Reason[]) => void;

/** Compiles the contract of one field. Throws when its pattern is no regular expression. */
export function compileField(name: string, contract: FieldContract): FieldCheck {
  const checkPresent = compilePresent(name, contract);
  const absent = contract.required ? 'the field is required but absent' : null;
  return (value, reasons) => {
    if (value !== undefined && value !== null) checkPresent(value, reasons);
    else if (absent !== null)
      reasons.push(reason('required', name, value === null ? 'the field is required but null' : absent, value));
  };
}

function compilePresent(name: string, contract: FieldContract): FieldCheck {
  switch (contract.type) {
    case 'string':
      return compileString(name, contract);
    case 'number':
      return compileNumber(name, contract, Number.isFinite, 'a finite number');
    case 'integer':
      // Beyond 2^53 JSON's numbers are no longer exact.
      return compileNumber(name, contract, Number.isSafeInteger, 'a whole number within ±(2^53 − 1)');
    case 'boolean':
      return (value, reasons) => {
        if (typeof value !== 'boolean') reasons.push(wrongType(name, 'true or false', value));
      };
    case 'timestamp':
      return (value, reasons) => {
        if (parseTimestamp(value) === null)
          reasons.push(wrongType(name, 'an RFC 3339 time or epoch milliseconds', value));
      };
    case 'decimal':
    case 'object':
    case 'array':
      throw new Error(`columns of type ${contract.type} are not judged yet`);
  }
}

function compileString(name: string, contract: FieldContract): FieldCheck {
  const { minLength = 0, maxLength = Infinity } = contract;
  const pattern = contract.pattern === undefined ? null : compilePattern(contract.pattern);
  const checkValues = compileValues(name, contract);
  return (value, reasons) => {
    if (typeof value !== 'string') {
      reasons.push(wrongType(name, 'text', value));
      return;
    }
    // A character outside the basic plane counts once but is two long: count only where that can matter.
    if (value.length < minLength * 2 && characters(value) < minLength) {
      reasons.push(reason('min_length', name, `shorter than ${minLength} characters`, value));
    }
    if (value.length > maxLength && characters(value) > maxLength) {
      reasons.push(reason('max_length', name, `longer than ${maxLength} characters`, value));
    }
    if (pattern !== null && !pattern(value))
      reasons.push(reason('pattern', name, `does not match ${contract.pattern ?? ''}`, value));
    checkValues(value, reasons);
  };
}

function compileNumber(
  name: string,
  contract: FieldContract,
  isType: (value: unknown) => boolean,
  typeText: string,
): FieldCheck {
  const { min = -Infinity, max = Infinity } = contract;
  const checkValues = compileValues(name, contract);
  return (value, reasons) => {
    if (typeof value !== 'number' || !isType(value)) {
      reasons.push(wrongType(name, typeText, value));
      return;
    }
    if (value < min) reasons.push(reason('min', name, `below ${min}`, value));
    if (value > max) reasons.push(reason('max', name, `above ${max}`, value));
    checkValues(value, reasons);
  };
}

function compileValues(name: string, { values }: FieldContract): FieldCheck {
  if (values === undefined) return () => undefined;
  const allowed = new Set<unknown>(values);
  const list = values.slice(0, 20).join(', ') + (values.length > 20 ? ', …' : '');
  return (value, reasons) => {
    if (!allowed.has(value)) reasons.push(reason('values', name, `not one of ${list}`, value));
  };
}

function wrongType(name: string, typeText: string, value: unknown): Reason {
  // JSON has no Infinity: `1e999` is read as one and would be shown as null.
  return reason('type', name, `not ${typeText}`, typeof value === 'number' ? String(value) : value);
}

function characters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += 1) {
    if ((text.codePointAt(i) ?? 0) > 0xffff) i += 1;
    count += 1;
  }
  return count;
}
