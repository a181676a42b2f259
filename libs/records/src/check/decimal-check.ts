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
  const isShortNumber = compileShortNumber(contract);
  return (value, findings, exact) => {
    if (typeof value === 'number' && typeof exact !== 'string' && isShortNumber(value)) return;
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

/**
 * Whether a double that nobody wrote with more digits than it keeps is as it must be: the common case, many times as fast as digit by digit.
 * Its shortest text is its decimal, and such texts are in the order of their doubles. Anything doubtful is left to the long way.
 */
function compileShortNumber(contract: FieldContract): (value: number) => boolean {
  const { precision = Infinity, scale, min = -Number.MAX_VALUE, max = Number.MAX_VALUE, values } = contract;
  if (values !== undefined) return () => false;
  return (value) => {
    if (!(value >= min && value <= max)) return false;
    const text = String(value < 0 ? -value : value);
    const point = text.indexOf('.');
    const fraction = point < 0 ? 0 : text.length - point - 1;
    // Zero has no digit before the point, as has 0.05.
    const whole = point < 0 ? text.length : point;
    return (
      text.length < 21 &&
      !text.includes('e') &&
      fraction <= (scale ?? Infinity) &&
      whole + (scale ?? fraction) <= precision
    );
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
