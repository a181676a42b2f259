import { compileCel, type SourceSpec } from '@everloop/contracts';
import { compileField } from './field-check.ts';
import type { DecodeRecord, HeaderCarrier } from '../decoder.ts';
import { parseRecord, type JsonRecord } from './parse-record.ts';
import { parseTimestamp } from './timestamp.ts';
import { reason, reasonsMax, type Reason, type Verdict } from './verdict.ts';

/** Judges one record; never throws. `headers` may hold the schema id of a value in a wire format. */
export type RecordCheck = (value: Uint8Array | null, headers?: HeaderCarrier) => Verdict;

export interface CheckLimits {
  /** Longest value, bytes. */
  readonly recordBytesMax: number;
}

const asItIs: Verdict = { kind: 'valid', value: null };

/**
 * Compiles the contract of a Source into a check that gives all reasons at once, except that bytes which are no JSON object have
 * that one reason. `decode` turns bytes into fields; without it they are JSON. Throws when a pattern or a CEL rule cannot be compiled.
 */
export function compileSource(
  spec: SourceSpec,
  limits: CheckLimits,
  decode: DecodeRecord = (value) => parseRecord(value, limits.recordBytesMax),
): RecordCheck {
  const fields = Object.entries(spec.fields).map(([name, contract]) => ({ name, check: compileField(name, contract) }));
  const rules = spec.rules.map(({ name, cel }) => ({ name, cel, predicate: compileCel(cel) }));
  const known: ReadonlySet<string> = new Set(Object.keys(spec.fields));
  return (value, headers) => {
    const { record, poison } = decode(value, headers);
    if (poison !== null) return { kind: 'quarantine', reasons: [poison] };
    const reasons: Reason[] = [];
    for (const { name, check } of fields) check(Object.hasOwn(record, name) ? record[name] : undefined, reasons);
    checkEventTime(spec.eventTime, record, reasons);
    const hasUnexpected =
      spec.unexpected !== 'keep' && checkUnexpected(record, known, spec.unexpected === 'reject', reasons);
    for (const { name, cel, predicate } of rules) {
      const verdict = predicate.explain(record);
      if (!verdict.holds) reasons.push(reason(`cel:${name}`, '', verdict.message ?? `false: ${cel.slice(0, 200)}`));
    }
    if (reasons.length > 0) return { kind: 'quarantine', reasons: bounded(reasons) };
    // Bytes in a wire format belong to their schema and are never written anew.
    return hasUnexpected && spec.format === 'json'
      ? { kind: 'valid', value: withoutUnexpected(record, known) }
      : asItIs;
  };
}

/** The event time's own contract may be lax; windows and watermarks need it all the same. */
function checkEventTime(field: string, record: JsonRecord, reasons: Reason[]): void {
  const value = Object.hasOwn(record, field) ? record[field] : undefined;
  if (parseTimestamp(value) !== null || reasons.some((r) => r.path === field)) return;
  const message = 'the event time must be an RFC 3339 time or epoch milliseconds';
  reasons.push(reason('event_time', field, message, value));
}

/** True if there is a column that the Source does not list. */
function checkUnexpected(
  record: JsonRecord,
  known: ReadonlySet<string>,
  isRejected: boolean,
  reasons: Reason[],
): boolean {
  let found = false;
  for (const column in record) {
    if (known.has(column)) continue;
    found = true;
    if (isRejected) reasons.push(reason('unexpected', column, 'the Source does not list this column', record[column]));
  }
  return found;
}

/** Key order is kept; numbers and texts are written as JavaScript writes them. */
function withoutUnexpected(record: JsonRecord, known: ReadonlySet<string>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(record).filter(([column]) => known.has(column))));
}

function bounded(reasons: readonly Reason[]): readonly Reason[] {
  if (reasons.length <= reasonsMax) return reasons;
  const left = reasons.length - reasonsMax;
  return [...reasons.slice(0, reasonsMax), reason('more', '', `${left} more reasons are left out`)];
}
