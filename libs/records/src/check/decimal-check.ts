import { compareDecimals, parseDecimal, wholeDigits, type Decimal, type FieldContract } from '@everloop/contracts';
import type { FieldCheck } from './field-types.ts';
import { valuesMessage } from './verdict.ts';

/**
 * Compiles the contract of a decimal: text or a JSON number, judged digit by digit as it was written. As in SQL, `scale` is the most
 * digits after the point and `precision - scale` the most before it; without `scale`, `precision` is the most of both together.
 */
export function compileDecimal(name: string, contract: FieldContract): FieldCheck {
  const { precision, scale, values } = contract;
  const min = limit(contract.min);
  const max = limit(contract.max);
  const allowed = values === undefined ? null : new Set(values.map((value) => canonical(parseDecimal(String(value)))));
  return (value, findings, exact) => {
    const text = typeof value === 'number' ? (typeof exact === 'string' ? exact : String(value)) : value;
    const decimal = typeof text === 'string' ? parseDecimal(text) : null;
    if (decimal === null) {
      findings.add('type', name, 'not a decimal as text or number', value);
      return;
    }
    if (scale !== undefined && decimal.scale > scale)
      findings.add('scale', name, `more than ${scale} digits after the point`, text);
    if (precision !== undefined && wholeDigits(decimal) + (scale ?? decimal.scale) > precision)
      findings.add('precision', name, precisionMessage(precision, scale), text);
    if (min !== null && compareDecimals(decimal, min) < 0) findings.add('min', name, `below ${contract.min}`, text);
    if (max !== null && compareDecimals(decimal, max) > 0) findings.add('max', name, `above ${contract.max}`, text);
    if (allowed !== null && !allowed.has(canonical(decimal)))
      findings.add('values', name, valuesMessage(values ?? []), text);
  };
}

function limit(bound: number | undefined): Decimal | null {
  return bound === undefined ? null : parseDecimal(String(bound));
}

function canonical(decimal: Decimal | null): string {
  return decimal === null ? '' : `${decimal.digits}e-${decimal.scale}`;
}

function precisionMessage(precision: number, scale: number | undefined): string {
  return scale === undefined
    ? `more than ${precision} digits`
    : `more than ${Math.max(0, precision - scale)} digits before the point`;
}
