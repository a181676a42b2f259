import { compileCel, type SourceSpec } from '@everloop/contracts';
import { compileColumns } from './container-check.ts';
import { compileField } from './field-check.ts';
import { compileWantsExact } from './exact-numbers.ts';
import { Findings } from './findings.ts';
import type { DecodeRecord, HeaderCarrier } from '../decoder.ts';
import { parseRecord } from './parse-record.ts';
import { pruned } from './prune.ts';
import { parseTimestamp } from './timestamp.ts';
import type { JsonRecord, Verdict } from './verdict.ts';

/** Judges one record; never throws. `headers` may hold the schema id of a value in a wire format. */
export type RecordCheck = (value: Uint8Array | null, headers?: HeaderCarrier) => Verdict;

/**
 * Judges a record that is already decoded; never throws. `exact` is the same record with numbers as they were written, where a double
 * would not keep them.
 */
export type ContractCheck = (record: JsonRecord, exact?: JsonRecord | null) => Verdict;

export interface CheckLimits {
  /** Longest value, bytes. */
  readonly recordBytesMax: number;
}

/**
 * Compiles the contract of a Source into a check that gives all reasons at once, except that bytes which are no record have that one
 * reason. `decode` turns bytes of a wire format into fields; JSON is read here. Throws when a pattern or a CEL rule cannot be compiled.
 */
export function compileSource(spec: SourceSpec, limits: CheckLimits, decode?: DecodeRecord): RecordCheck {
  const check = compileContract(spec);
  const { recordBytesMax } = limits;
  const wantsExact = compileWantsExact(spec.fields) ?? undefined;
  const read: DecodeRecord =
    spec.format === 'json' || decode === undefined ? (value) => parseRecord(value, recordBytesMax, wantsExact) : decode;
  return (value, headers) => {
    const { record, exact, poison } = read(value, headers);
    return poison === null
      ? check(record, exact)
      : { kind: 'quarantine', reasons: [poison], record: null, timeMs: null };
  };
}

/** Compiles what a Source says about its records, whatever their bytes look like. Throws as `compileSource`. */
export function compileContract(spec: SourceSpec): ContractCheck {
  const { fields, eventTime, unexpected: mode } = spec;
  const checkColumns = compileColumns(fields, mode, compileField);
  const rules = spec.rules.map(({ name, cel }) => ({ rule: `cel:${name}` as const, cel, predicate: compileCel(cel) }));
  const findings = new Findings();
  return (record, exact = null) => {
    findings.reset();
    checkColumns(record, findings, exact);
    const timeMs = parseTimestamp(Object.hasOwn(record, eventTime) ? record[eventTime] : undefined);
    if (timeMs === null) addEventTime(eventTime, record, findings);
    for (const { rule, cel, predicate } of rules) {
      const verdict = predicate.explain(record);
      if (!verdict.holds) findings.add(rule, '', verdict.message ?? `false: ${cel.slice(0, 200)}`);
    }
    if (findings.count > 0 || timeMs === null) return { kind: 'quarantine', reasons: findings.reasons, record, timeMs };
    const { unexpected } = findings;
    // Bytes in a wire format belong to their schema and are never written anew.
    const isPruned = mode === 'drop' && spec.format === 'json' && unexpected !== null;
    return {
      kind: 'valid',
      value: isPruned ? pruned(record, fields, exact) : null,
      record,
      timeMs,
      unexpected: mode === 'drop' ? null : unexpected,
    };
  };
}

/** The event time's own contract may be lax; windows and watermarks need it all the same. */
function addEventTime(field: string, record: JsonRecord, findings: Findings): void {
  if (findings.has(field)) return;
  const value = Object.hasOwn(record, field) ? record[field] : undefined;
  findings.add('event_time', field, 'the event time must be an RFC 3339 time or epoch milliseconds', value);
}
