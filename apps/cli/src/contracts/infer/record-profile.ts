import { parseTimestamp, type JsonRecord } from '@everloop/records';
import { ValueProfile } from './value-profile.ts';

/** How a top-level field compares with what Kafka says of the same record. */
export interface FieldFit {
  /** Records whose Kafka key is this field's value. */
  keyMatches: number;
  /** Records in which it is a time, RFC 3339 or epoch milliseconds. */
  times: number;
  /** Sum of the distances to the Kafka timestamp, milliseconds. */
  distanceMs: number;
}

export interface ProfiledRecord {
  readonly key: Buffer | null;
  readonly timestampMs: number;
}

/** Times that are taken for epoch milliseconds: from 1990 on, until 2100. */
const epochMs = { min: 631_152_000_000, max: 4_102_444_800_000 };

/** What has been seen of a topic's records, in memory that does not grow with them. */
export class RecordProfile {
  readonly value = new ValueProfile();
  readonly fits = new Map<string, FieldFit>();
  readonly poison = new Map<string, number>();
  records = 0;
  keyed = 0;

  add(fields: JsonRecord, { key, timestampMs }: ProfiledRecord): void {
    this.records += 1;
    this.value.addObject(fields);
    const keyText = key === null ? null : key.toString();
    if (keyText !== null) this.keyed += 1;
    for (const name of this.value.fields.keys()) this.#fit(name, fields[name], keyText, timestampMs);
  }

  /** A record that has no fields, by the rule that it breaks. */
  addPoison(rule: string): void {
    this.poison.set(rule, (this.poison.get(rule) ?? 0) + 1);
  }

  #fit(name: string, value: unknown, key: string | null, timestampMs: number): void {
    let fit = this.fits.get(name);
    if (fit === undefined) this.fits.set(name, (fit = { keyMatches: 0, times: 0, distanceMs: 0 }));
    if (key !== null && (typeof value === 'string' || typeof value === 'number') && String(value) === key)
      fit.keyMatches += 1;
    const ms = parseTimestamp(value);
    if (ms === null || (typeof value === 'number' && !isEpochMs(value))) return;
    fit.times += 1;
    fit.distanceMs += Math.abs(ms - timestampMs);
  }
}

export function isEpochMs(value: number): boolean {
  return value >= epochMs.min && value <= epochMs.max;
}
