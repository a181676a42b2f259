import type { FieldContract } from '@everloop/contracts';
import type { CompileField, FieldCheck, UnexpectedMode } from './field-types.ts';
import type { Findings } from './findings.ts';
import type { JsonRecord } from './verdict.ts';

/** Adds to `findings` what is wrong with the columns of an object. */
type ColumnsCheck = (record: JsonRecord, findings: Findings, exact: JsonRecord | null) => void;

/** Compiles the contract of an object's columns; what is not listed is treated as `unexpected` says. */
export function compileColumns(
  fields: Readonly<Record<string, FieldContract>>,
  mode: UnexpectedMode,
  compileField: CompileField,
): ColumnsCheck {
  const columns = Object.entries(fields).map(([name, contract]) => ({
    name,
    check: compileField(name, contract, mode),
    // `record.constructor` is there in every object; only such names need the slower question.
    isInherited: name in Object.prototype,
  }));
  const known: ReadonlySet<string> = new Set(Object.keys(fields));
  return (record, findings, exact) => {
    let present = 0;
    for (const { name, check, isInherited } of columns) {
      const value = isInherited && !Object.hasOwn(record, name) ? undefined : record[name];
      if (value !== undefined) present += 1;
      check(value, findings, exact === null ? null : exact[name]);
    }
    if (mode !== 'keep' && Object.keys(record).length > present) addUnexpected(record, known, mode, findings);
  };
}

function addUnexpected(record: JsonRecord, known: ReadonlySet<string>, mode: UnexpectedMode, findings: Findings): void {
  for (const column of Object.keys(record)) {
    if (known.has(column)) continue;
    if (mode === 'reject') findings.add('unexpected', column, 'the Source does not list this column', record[column]);
    else findings.addUnexpected(column);
  }
}

/** Compiles the contract of a field that is an object. */
export function compileNested(
  name: string,
  { fields }: FieldContract,
  mode: UnexpectedMode,
  compileField: CompileField,
): FieldCheck {
  const check = fields === undefined ? null : compileColumns(fields, mode, compileField);
  return (value, findings, exact) => {
    if (!isObject(value)) {
      findings.add('type', name, 'not an object', value);
      return;
    }
    if (check === null) return;
    const { count, unexpectedCount } = findings;
    check(value, findings, isObject(exact) ? exact : null);
    findings.prefix(name, count, unexpectedCount);
  };
}

/** Compiles the contract of a field that is an array. */
export function compileArray(
  name: string,
  contract: FieldContract,
  mode: UnexpectedMode,
  compileField: CompileField,
): FieldCheck {
  const { items, minItems = 0, maxItems = Infinity } = contract;
  const check = items === undefined ? null : compileField('', items, mode);
  return (value, findings, exact) => {
    if (!Array.isArray(value)) {
      findings.add('type', name, 'not an array', value);
      return;
    }
    if (value.length < minItems) findings.add('min_items', name, `fewer than ${minItems} elements`, value);
    if (value.length > maxItems) findings.add('max_items', name, `more than ${maxItems} elements`, value);
    if (check === null) return;
    const elements = value as readonly unknown[];
    const texts = Array.isArray(exact) ? (exact as readonly unknown[]) : null;
    for (let i = 0; i < elements.length; i += 1) {
      const { count, unexpectedCount } = findings;
      check(elements[i], findings, texts === null ? null : texts[i]);
      if (findings.count > count || findings.unexpectedCount > unexpectedCount)
        findings.prefix(`${name}[${i}]`, count, unexpectedCount);
    }
  };
}

function isObject(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
