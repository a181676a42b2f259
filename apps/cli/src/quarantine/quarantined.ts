import type { BusRecord, OutRecord } from '@everloop/kafka';

/** Headers of a quarantined record that the validator writes. */
export const headers = {
  /** Place of the raw record, `<topic>/<partition>/<offset>`. */
  source: 'evl-src',
  /** JSON `[{ rule, path, message, value }]`. */
  reasons: 'evl-reasons',
  /** On a record that was sent back: its place in the quarantine, `<topic>/<partition>/<offset>`. */
  replayOf: 'evl-replay-of',
  /** When a connector says that the fact became known. */
  known: 'evl-known',
} as const;

export interface ShownReason {
  readonly rule: string;
  readonly path: string;
  readonly message: string;
  readonly value: string;
}

/** The reasons of a quarantined record; empty when its header is damaged. */
export function reasonsOf({ headers: all }: Pick<BusRecord, 'headers'>): readonly ShownReason[] {
  try {
    const parsed: unknown = JSON.parse(all[headers.reasons] ?? '[]');
    return Array.isArray(parsed) ? (parsed as readonly ShownReason[]) : [];
  } catch {
    return [];
  }
}

/** `<partition>/<offset>`, as commands take and show it. */
export function placeOf({ partition, offset }: Pick<BusRecord, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`;
}

/**
 * A quarantined record on its way back: same key, partition and headers, without what the validator wrote. It becomes known when it is
 * sent: it keeps neither its time nor a connector's word on that, or old training sets would change.
 */
export function sentBack(record: BusRecord, sourceTopic: string, value: Buffer | null): OutRecord {
  const own: readonly string[] = [headers.source, headers.reasons, headers.known, headers.replayOf];
  const kept = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !own.includes(name)));
  return {
    topic: sourceTopic,
    partition: record.partition,
    key: record.key,
    value,
    headers: { ...kept(record.headers), [headers.replayOf]: `${record.topic}/${record.partition}/${record.offset}` },
    ...(record.rawHeaders === undefined ? {} : { rawHeaders: kept(record.rawHeaders) }),
  };
}
