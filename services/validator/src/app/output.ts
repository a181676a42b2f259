import type { BusRecord, OutRecord, RawHeaders } from '@everloop/kafka';
import type { Reason } from '@everloop/records';

/** Header with the place of the raw record: `<topic>/<partition>/<offset>`. */
const sourceHeader = 'evl-src';
/** Header with the reasons of a quarantined record, JSON. */
const reasonsHeader = 'evl-reasons';

/** A record with its value, or with what the check made of it, for `<topic>.valid`. */
export function validRecord(topic: string, record: BusRecord, value: string | null): OutRecord {
  return { ...copied(topic, record, value ?? record.value), headers: withSource(record) };
}

/** A record as it came, with all reasons, for `<topic>.quarantine`. */
export function quarantinedRecord(topic: string, record: BusRecord, reasons: readonly Reason[]): OutRecord {
  const headers = withSource(record);
  headers[reasonsHeader] = JSON.stringify(reasons);
  return { ...copied(topic, record, record.value), headers };
}

function copied(topic: string, record: BusRecord, value: string | Buffer | null): OutRecord {
  const { partition, key, rawHeaders, timestampMs } = record;
  return {
    topic,
    partition,
    key,
    value,
    ...(rawHeaders === undefined ? {} : { rawHeaders: foreignHeaders(rawHeaders) }),
    // The time at which the raw record was written stays: it says when the fact became known. Negative means that it has none.
    ...(timestampMs >= 0 ? { timestampMs } : {}),
  };
}

function withSource({ headers, topic, partition, offset }: BusRecord): Record<string, string> {
  const written: Record<string, string> = {};
  // A record must not bring reasons of its own.
  for (const name in headers) if (name !== reasonsHeader) set(written, name, headers[name] ?? '');
  written[sourceHeader] = `${topic}/${partition}/${offset}`;
  return written;
}

/** Assignment would take the name `__proto__` for the prototype. */
function set(headers: Record<string, string>, name: string, value: string): void {
  if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true, configurable: true });
  else headers[name] = value;
}

/** Exact headers, without those that are written here: a record must not bring its own place or reasons. */
function foreignHeaders(rawHeaders: RawHeaders): RawHeaders {
  const own = [sourceHeader, reasonsHeader];
  return Object.fromEntries(Object.entries(rawHeaders).filter(([name]) => !own.includes(name)));
}
