import type { BusRecord, OutRecord } from '@everloop/kafka';
import type { RecordCheck } from '@everloop/records';
import { badInput } from '../errors.ts';
import type { EditedLine } from './export-line.ts';
import { mergePatch, parseExactJson, type Json } from './merge-patch.ts';
import { placeOf, sentBack } from './quarantined.ts';
import { isSelected, type Selection } from './select.ts';

export interface ReplayRequest extends Selection {
  /** JSON merge patch for every selected record. */
  readonly patch?: Json;
  /** Lines by place; only these records are selected. */
  readonly edited?: ReadonlyMap<string, EditedLine>;
  /** Send records too that would be quarantined again. */
  readonly force: boolean;
}

export interface ReplayContext {
  readonly sourceTopic: string;
  /** The check by the contract that is applied now. */
  readonly check: RecordCheck;
}

/** What is to become of one record. */
export type Decision =
  | { readonly kind: 'send'; readonly record: OutRecord; readonly passes: boolean; readonly rules: readonly string[] }
  | { readonly kind: 'hold-back'; readonly rules: readonly string[] }
  | { readonly kind: 'not-selected' | 'sent-before' };

/**
 * Decides about a quarantined record. `isSent` tells which were sent before, by their place. A record that the contract of now
 * would quarantine again is held back unless `force` says otherwise. Uniqueness and windows are not judged here.
 */
export function decide(
  record: BusRecord,
  request: ReplayRequest,
  context: ReplayContext,
  isSent: (place: string) => boolean,
): Decision {
  const place = placeOf(record);
  const line = request.edited?.get(place);
  if (request.edited !== undefined && line === undefined) return { kind: 'not-selected' };
  if (!isSelected(record, request)) return { kind: 'not-selected' };
  if (isSent(place)) return { kind: 'sent-before' };
  const value = line !== undefined ? line.valueFor(record.value) : patched(record, request.patch);
  const verdict = context.check(value, record);
  const rules =
    verdict.kind === 'valid'
      ? []
      : [...new Set(verdict.reasons.map(({ rule, path }) => (path === '' ? rule : `${rule} ${path}`)))];
  if (rules.length > 0 && !request.force) return { kind: 'hold-back', rules };
  return { kind: 'send', record: sentBack(record, context.sourceTopic, value), passes: rules.length === 0, rules };
}

/** The record's value with the patch; as it is when it is no JSON object, which no patch can repair. */
function patched({ value }: BusRecord, patch: Json): Buffer | null {
  if (patch === undefined || value === null) return value;
  try {
    const parsed = parseExactJson(value.toString());
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return value;
    return Buffer.from(JSON.stringify(mergePatch(parsed, patch)));
  } catch {
    return value;
  }
}

/** Reads `--patch`. Throws EVL_CLI_INPUT_INVALID. */
export function readPatch(text: string): Json {
  try {
    const patch = parseExactJson(text);
    if (typeof patch === 'object' && patch !== null && !Array.isArray(patch)) return patch;
  } catch {
    // Said below.
  }
  throw badInput(
    `--patch is no JSON object: ${text.slice(0, 100)}; a merge patch such as '{"dep_delay": 0, "note": null}' is wanted`,
  );
}
