import { drift, type MonitorSpec } from '@everloop/contracts';
import { calm, drifted, insufficient, urgent } from './debounce.ts';

/** What a window says at one significance under any effect floor. */
export interface WindowTrace {
  /** The window has `minDriftedFields` drifted fields under every floor up to this, nats; NaN: too few rows; -Infinity: it never has. */
  readonly reach: number;
  /** As `reach`, of one field that is urgent. */
  readonly urgentReach: number;
  readonly score: number;
}

/**
 * Reads a report of a window that was evaluated with floor 0 and without a limit of the score: which floors it would have passed. Fields drift the
 * less the higher the floor, so one evaluation is enough for all of them. O(fields log fields).
 */
export function traceOf(report: drift.DriftReport, spec: MonitorSpec): WindowTrace {
  if (report.verdict === drift.DriftVerdict.INSUFFICIENT)
    return { reach: Number.NaN, urgentReach: Number.NaN, score: 0 };
  const own = new Map(spec.thresholds.map((threshold) => [threshold.field, threshold]));
  let urgentReach = -Infinity;
  const reaches: number[] = [];
  for (const { field, psi, missingRatio, drifted: isDrifted } of report.fields) {
    if (!isDrifted) continue;
    const limits = own.get(field);
    const isOwn = limits?.psi !== undefined || missingRatio > (limits?.missingRatio ?? Infinity);
    const reach = isOwn ? Infinity : psi;
    reaches.push(reach);
    if (spec.urgentPsi > 0 && psi >= spec.urgentPsi) urgentReach = Math.max(urgentReach, reach);
  }
  reaches.sort((a, b) => b - a);
  return { reach: reaches[spec.minDriftedFields - 1] ?? -Infinity, urgentReach, score: report.score };
}

/** The window as the debounce takes it under a floor and a limit of the score (0: none). */
export function codeOf(trace: WindowTrace, psi: number, score: number): number {
  if (Number.isNaN(trace.reach)) return insufficient;
  if (trace.urgentReach >= psi) return urgent;
  return trace.reach >= psi || (score > 0 && trace.score > score) ? drifted : calm;
}
