import type { TriggerSpec } from '@everloop/contracts';

const dayMs = 86_400_000;
/** Days that are looked at when a watermark jumps, for example after a long pause; older ones are passed over. */
const daysMax = 400;

/**
 * Starts of days in (fromMs, untilMs], ascending: when triggers are looked at. Days and not watermarks, so that steps of another
 * length ask at the same event times. Without an earlier watermark: the day that has begun.
 *
 * @example
 * daysCrossed(86_400_000 - 1, 86_400_000 * 2) // → [86400000, 172800000]
 */
export function daysCrossed(fromMs: number | null, untilMs: number): readonly number[] {
  const last = Math.floor(untilMs / dayMs);
  const first = fromMs === null ? last : Math.max(Math.floor(fromMs / dayMs) + 1, last - daysMax + 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * dayMs);
}

/** What a version says that matters for triggers. */
export interface KnownVersion {
  readonly stage: string;
  readonly jobId: string;
  /** Labelled rows when its training was decided; 0 when not known. */
  readonly labelledRows: number;
}

/** After a rejected first version, this many times its rows are waited for: on nearly the same data it would be rejected again. */
const growth = 1.25;

/**
 * Labelled rows that must be there before a trigger asks for the first version, or null when there is one. The version that this very
 * request has made (`jobId`) does not count: after a crash the request must come about again.
 */
export function rowsNeeded(spec: TriggerSpec, versions: readonly KnownVersion[], jobId: string): number | null {
  const others = versions.filter((version) => version.jobId !== jobId);
  if (others.some((version) => version.stage !== 'rejected')) return null;
  return others.reduce((needed, version) => Math.max(needed, Math.ceil(version.labelledRows * growth)), spec.rows);
}
