import type { BusRecord } from '@everloop/kafka';
import { reasonsOf } from './quarantined.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Most kinds of reasons and most hours that are told apart; what comes beyond is counted as "other", or by the last hour. */
const kindsMax = 500;
const hoursMax = 24 * 3_660;
const periodsShownMax = 31;

interface Kind {
  readonly rule: string;
  readonly path: string;
  records: number;
  firstMs: number;
  lastMs: number;
}

export interface Period {
  readonly fromMs: number;
  readonly records: number;
}

/** Counts quarantined records by rule, path and time, in memory that does not grow with them. */
export class QuarantineCounts {
  readonly #kinds = new Map<string, Kind>();
  readonly #hours = new Map<number, number>();
  records = 0;
  replayed = 0;
  firstMs = Infinity;
  lastMs = -Infinity;

  add(record: BusRecord, isReplayed: boolean): void {
    const { timestampMs } = record;
    this.records += 1;
    if (isReplayed) this.replayed += 1;
    this.firstMs = Math.min(this.firstMs, timestampMs);
    this.lastMs = Math.max(this.lastMs, timestampMs);
    const hour = Math.floor(timestampMs / hourMs);
    if (this.#hours.has(hour) || this.#hours.size < hoursMax) this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + 1);
    const seen = new Set<string>();
    for (const { rule, path } of reasonsOf(record)) {
      // One kind for all elements of an array.
      const kind = this.#kind(rule, path.replace(/\[\d+\]/g, '[]'));
      const key = `${kind.rule} ${kind.path}`;
      if (seen.has(key)) continue;
      seen.add(key);
      kind.records += 1;
      kind.firstMs = Math.min(kind.firstMs, timestampMs);
      kind.lastMs = Math.max(kind.lastMs, timestampMs);
    }
  }

  /** Most frequent first. A record counts once for each of its rules. */
  kinds(): readonly Readonly<Kind>[] {
    return [...this.#kinds.values()].sort(
      (a, b) => b.records - a.records || (a.rule + a.path < b.rule + b.path ? -1 : 1),
    );
  }

  /** By hour, day or 30 days, so that at most 31 periods are left; empty ones between are left out. */
  periods(): { readonly lengthMs: number; readonly periods: readonly Period[] } {
    for (const lengthMs of [hourMs, dayMs, 30 * dayMs]) {
      const sums = new Map<number, number>();
      for (const [hour, count] of this.#hours) {
        const fromMs = Math.floor((hour * hourMs) / lengthMs) * lengthMs;
        sums.set(fromMs, (sums.get(fromMs) ?? 0) + count);
      }
      if (sums.size > periodsShownMax && lengthMs < 30 * dayMs) continue;
      const periods = [...sums].map(([fromMs, records]) => ({ fromMs, records })).sort((a, b) => a.fromMs - b.fromMs);
      return { lengthMs, periods: periods.slice(-periodsShownMax) };
    }
    return { lengthMs: hourMs, periods: [] };
  }

  #kind(rule: string, path: string): Kind {
    const key = `${rule} ${path}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= kindsMax && rule !== 'other') return this.#kind('other', '');
    const made: Kind = { rule, path, records: 0, firstMs: Infinity, lastMs: -Infinity };
    this.#kinds.set(key, made);
    return made;
  }
}
