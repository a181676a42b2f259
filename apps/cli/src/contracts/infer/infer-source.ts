import type { FieldContract, SourceFormat } from '@everloop/contracts';
import { badInput } from '../../errors.ts';
import { inferFields, percent, type Inferred, type InferOptions } from './infer-field.ts';
import type { FieldFit, RecordProfile } from './record-profile.ts';

export interface SourceRequest extends InferOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly format: SourceFormat;
  readonly schemaRegistry?: string;
  /** Instead of the best candidates. */
  readonly key?: string;
  readonly eventTime?: string;
}

/** A field that was chosen, and why, with what else could have been. */
interface Choice {
  readonly field: string;
  readonly why: string;
}

/** A first contract, with its evidence. */
export interface InferredSource {
  readonly request: SourceRequest;
  readonly records: number;
  readonly key: Choice;
  readonly eventTime: Choice;
  readonly fields: ReadonlyMap<string, Inferred>;
  /** What a person should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Share of the records that a field must fit to be the key. */
const keyShareMin = 0.99;

/** Draws a contract from what was seen. Throws EVL_CLI_INPUT_INVALID when there is no record, or nothing that can be the event time. */
export function inferSource(profile: RecordProfile, request: SourceRequest): InferredSource {
  if (profile.records === 0) throw badInput(noRecords(profile, request.topic));
  const fields = inferFields(profile.value, request);
  const eventTime = chooseEventTime(profile, fields, request);
  const key = chooseKey(profile, fields, eventTime.field, request);
  const chosen = new Map(fields);
  for (const field of new Set([eventTime.field, key.field]))
    chosen.set(field, asRequired(field, fields, field === eventTime.field));
  return { request, records: profile.records, key, eventTime, fields: chosen, notes: notesOf(profile) };
}

function noRecords(profile: RecordProfile, topic: string): string {
  const poison = [...profile.poison].map(([rule, count]) => `${rule} (${count})`).join(', ');
  return poison === ''
    ? `topic '${topic}' has no records in the range that was read; nothing can be inferred`
    : `no record of topic '${topic}' could be read: ${poison}; name its format with --format and its registry with --schema-registry`;
}

function asRequired(name: string, fields: ReadonlyMap<string, Inferred>, isTime: boolean): Inferred {
  const found = fields.get(name);
  if (found === undefined)
    throw badInput(`no record has a field "${name}"; there are: ${[...fields.keys()].join(', ')}`);
  const contract: FieldContract = isTime
    ? { type: 'timestamp', required: true }
    : { ...found.contract, required: true };
  return { ...found, contract: { ...contract, nullable: false } };
}

function chooseEventTime(
  profile: RecordProfile,
  fields: ReadonlyMap<string, Inferred>,
  request: SourceRequest,
): Choice {
  if (request.eventTime !== undefined) return { field: request.eventTime, why: 'as asked for' };
  const candidates = [...profile.fits]
    .filter(
      ([name, { times }]) => times / profile.records >= keyShareMin && fields.get(name)?.contract.type === 'timestamp',
    )
    .sort(([a, x], [b, y]) => y.times - x.times || hint(b) - hint(a) || distance(x) - distance(y) || (a < b ? -1 : 1));
  const [best] = candidates;
  if (best === undefined) {
    const times = [...profile.fits]
      .filter(([, { times: count }]) => count > 0)
      .map(([name, { times: count }]) => `${name} (${percent(count, profile.records)})`);
    throw badInput(
      `no field is a time in nearly every record, so nothing can be the event time; ${times.length === 0 ? 'no field is ever a time' : `times are in: ${times.join(', ')}`}; name one with --event-time`,
    );
  }
  const others = candidates.slice(1, 5).map(([name]) => name);
  const apart = ` ${span(distance(best[1]))} from Kafka's own timestamp on average`;
  return {
    field: best[0],
    why: `a time in ${percent(best[1].times, profile.records)} of the records,${apart}${others.length === 0 ? '' : `; could also be ${others.join(', ')}`}`,
  };
}

/** Names that say when the fact happened come before those that say when it was stored. */
function hint(name: string): number {
  if (/created|inserted|ingest|updated|modified|loaded|received/i.test(name)) return -1;
  return /event|occurr|happen|observed|measured|^ts$|^timestamp$|^time$|^at$/i.test(name) ? 1 : 0;
}

function distance({ distanceMs, times }: FieldFit): number {
  return distanceMs / Math.max(1, times);
}

function chooseKey(
  profile: RecordProfile,
  fields: ReadonlyMap<string, Inferred>,
  eventTime: string,
  request: SourceRequest,
): Choice {
  if (request.key !== undefined) return { field: request.key, why: 'as asked for' };
  const byMatches = [...profile.fits]
    .filter(([name]) => fields.has(name))
    .sort(([a, x], [b, y]) => y.keyMatches - x.keyMatches || (a < b ? -1 : 1));
  const [best] = byMatches;
  if (best !== undefined && profile.keyed > 0 && best[1].keyMatches / profile.keyed >= keyShareMin)
    return {
      field: best[0],
      why: `equals the Kafka key in ${percent(best[1].keyMatches, profile.keyed)} of the records that have one`,
    };
  const ids = [...fields].filter(
    ([name, { contract }]) => name !== eventTime && contract.required && ['string', 'integer'].includes(contract.type),
  );
  const guess = ids.find(([name]) => /(^|_)id$|Id$|^key$/.test(name)) ?? ids[0] ?? [eventTime];
  const why =
    profile.keyed === 0
      ? 'the records have no Kafka key'
      : `no field equals the Kafka key (${best === undefined ? 'none' : best[0]} comes nearest)`;
  return { field: guess[0], why: `A GUESS: ${why}; correct it` };
}

function notesOf(profile: RecordProfile): string[] {
  const notes: string[] = [];
  if (profile.poison.size > 0) {
    const rules = [...profile.poison].map(([rule, count]) => `${rule} ${count.toLocaleString('en-US')}`).join(', ');
    notes.push(`Not counted, since they could not be read: ${rules}.`);
  }
  const unnamed = [...profile.value.fields.keys()].filter((name) => !/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(name));
  if (unnamed.length > 0)
    notes.push(
      `A Source cannot list fields of these names; they are kept and reported: ${unnamed
        .slice(0, 10)
        .map((name) => JSON.stringify(name))
        .join(', ')}.`,
    );
  if (profile.value.fieldsLeftOut > 0)
    notes.push('There are more than 500 different fields; the others are not listed.');
  return notes;
}

/** @example span(90_000) // '1.5 minutes' */
export function span(ms: number): string {
  const units = [
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['minutes', 60_000],
    ['seconds', 1_000],
  ] as const;
  for (const [unit, size] of units) if (ms >= size) return `${(ms / size).toFixed(1)} ${unit}`;
  return `${Math.round(ms)} ms`;
}
