import { durationForm, durationMs } from '@everloop/contracts';
import type { BusRecord } from '@everloop/kafka';
import { InvalidArgumentError } from 'commander';
import { placeOf, reasonsOf } from './quarantined.ts';

/** Which quarantined records are meant; what is left out does not matter. */
export interface Selection {
  /** One of a record's reasons has this rule. */
  readonly rule?: string;
  /** One of its reasons is about this path. */
  readonly path?: string;
  /** Written to its source at or after, epoch milliseconds. */
  readonly sinceMs?: number;
  /** Only these, `<partition>/<offset>`. */
  readonly places?: ReadonlySet<string>;
}

export function isSelected(record: BusRecord, { rule, path, sinceMs, places }: Selection): boolean {
  if (sinceMs !== undefined && record.timestampMs < sinceMs) return false;
  if (places !== undefined && !places.has(placeOf(record))) return false;
  if (rule === undefined && path === undefined) return true;
  return reasonsOf(record).some(
    (reason) => (rule ?? reason.rule) === reason.rule && (path ?? reason.path) === reason.path,
  );
}

/** A reader of `--since`: so long ago, or a time. */
export function readSince(nowMs: () => number): (text: string) => number {
  return (text) => {
    const ago = durationMs(text);
    const ms = ago === undefined ? Date.parse(text) : nowMs() - ago;
    if (Number.isNaN(ms))
      throw new InvalidArgumentError(`A time such as 2013-04-30T12:00Z, or ${durationForm}, is wanted.`);
    return ms;
  };
}

/** `<partition>/<offset>`. */
export function readPlace(text: string): { readonly partition: number; readonly offset: bigint } {
  const match = /^(\d{1,6})[/:](\d{1,18})$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError('A place such as 0/4711 is wanted: partition and offset, as list shows it.');
  return { partition: Number(match[1]), offset: BigInt(match[2] ?? 0) };
}
