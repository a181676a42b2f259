import { durationForm, durationMs } from '@everloop/contracts';
import { InvalidArgumentError } from 'commander';

/** Where a period begins: at an event time, or so long before the newest decision. */
export type Since = { readonly kind: 'at'; readonly ms: number } | { readonly kind: 'before'; readonly ms: number };

const dayMs = 86_400_000;

function readTime(text: string): number {
  const ms = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError(`A time such as 2013-04-30 or 2013-04-30T12:00Z, or ${durationForm}, is wanted.`);
  return ms;
}

/** Reads `--since`: a time, or how long before the newest decision in event time, so that a replay of old data is asked as the present is. */
export function readSince(text: string): Since {
  const ms = durationMs(text);
  if (ms === undefined) return { kind: 'at', ms: readTime(text) };
  if (ms < 0) throw new InvalidArgumentError('A duration that is not negative is wanted.');
  return { kind: 'before', ms };
}

/** Reads `--until`; a day is meant with all of its hours. @example readUntil('2013-04-30') // 1367366400000 */
export function readUntil(text: string): number {
  const ms = readTime(text);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? ms + dayMs : ms;
}

/** When the period begins, epoch milliseconds; `newestMs`: event time of the newest decision. */
export function sinceMsOf(since: Since | undefined, newestMs: number): number {
  if (since === undefined) return -Infinity;
  return since.kind === 'at' ? since.ms : newestMs - since.ms;
}
