import type { MonitorSpec } from '@everloop/contracts';
import type { EvidenceKind, OwnRequest, RequestEnd } from './types.ts';

/** Own requests that are remembered: back-off and budget are worked out from them. */
export const requestsMax = 200;

/** Requests with the ends that have become known since. */
export function settleRequests(
  requests: readonly OwnRequest[],
  ends: ReadonlyMap<string, RequestEnd>,
): readonly OwnRequest[] {
  return requests.map((request) =>
    request.end === 'open' ? { ...request, end: ends.get(request.id) ?? 'open' } : request,
  );
}

/** Versions in a row, newest first, that drift asked for and that their gates refused; trainings that gave no version do not count. */
export function rejectedInARow(requests: readonly OwnRequest[]): number {
  const judged = requests.filter(({ end }) => end === 'approved' || end === 'rejected').toReversed();
  const approved = judged.findIndex(({ end }) => end === 'approved');
  return approved < 0 ? judged.length : approved;
}

/** How long is waited after a request, and until when. */
export interface CoolDown {
  /** Epoch milliseconds UTC; 0: there was no request. */
  readonly untilMs: number;
  readonly lengthMs: number;
  /** By what the rejected versions in a row have lengthened it, at least 1. */
  readonly backOff: number;
}

/**
 * The cool-down that a kind of evidence keeps after the last request of any kind: the Monitor's, half of it for alarms of the quality
 * itself, times `backOff.factor` for each rejected version in a row, at most `backOff.maxMs` (or the cool-down, if that is longer).
 */
export function coolDownOf(
  spec: Pick<MonitorSpec, 'coolDownMs' | 'backOff'>,
  requests: readonly OwnRequest[],
  kind: EvidenceKind,
): CoolDown {
  const baseMs = kind === 'performance' ? Math.round(spec.coolDownMs / 2) : spec.coolDownMs;
  const wantedMs = baseMs * spec.backOff.factor ** rejectedInARow(requests);
  const lengthMs = Math.round(Math.max(baseMs, Math.min(wantedMs, spec.backOff.maxMs)));
  const lastMs = requests.at(-1)?.atMs;
  const backOff = baseMs === 0 ? 1 : lengthMs / baseMs;
  return { untilMs: lastMs === undefined ? 0 : lastMs + lengthMs, lengthMs, backOff };
}

/** The alarm budget's account at a time. */
export interface Account {
  /** Retrainings in the period that turned out to be for nothing. */
  readonly spent: number;
  /** 0: the Monitor has no budget. */
  readonly allowed: number;
  readonly overspent: boolean;
}

/**
 * What was spent of the alarm budget in the period before `atMs`. The budget is of false retrainings, and what shows that one was false is
 * that its version was no better: its gates refused it. One whose version was approved had a cause.
 */
export function accountOf(
  { budget }: Pick<MonitorSpec, 'budget'>,
  requests: readonly OwnRequest[],
  atMs: number,
): Account {
  if (budget === undefined) return { spent: 0, allowed: 0, overspent: false };
  const spent = requests.filter(({ end, atMs: at }) => end === 'rejected' && at > atMs - budget.perMs).length;
  return { spent, allowed: budget.falseRetrainings, overspent: spent > budget.falseRetrainings };
}
