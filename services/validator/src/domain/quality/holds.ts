import { eventId, quality } from '@everloop/contracts';

/** An open hold of one definition of windows. */
export interface OpenHold {
  readonly id: string;
  readonly window: string;
  readonly fromMs: number;
  readonly openedAtMs: number;
  readonly reportId: string;
  readonly reason: string;
  /** `<rule>` or `<rule>/<column>`, ascending. */
  readonly rules: readonly string[];
  /** Good windows in a row, and the start of the first of them. */
  readonly good: number;
  readonly goodFromMs: number;
}

/** What of a judged window matters for a hold. */
export interface JudgedWindow {
  readonly source: string;
  readonly window: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly reportId: string;
  readonly results: readonly quality.RuleResult[];
}

export type HoldChange =
  | { readonly kind: 'none' }
  /** Opened, or more rules failed. */
  | { readonly kind: 'open'; readonly hold: OpenHold }
  /** Changed only in what is counted. */
  | { readonly kind: 'kept'; readonly hold: OpenHold }
  | { readonly kind: 'closed'; readonly hold: OpenHold; readonly untilMs: number };

/** Name of a result in a hold. */
export function resultName({ rule, column }: quality.RuleResult): string {
  return column === '' ? rule : `${rule}/${column}`;
}

/**
 * What a judged window does to the hold of its definition: a failed rule of severity hold opens one or keeps it open; `closeAfter`
 * windows in a row in which all of its rules pass close it, back to the start of the first of them. A window that says nothing
 * about them changes nothing.
 */
export function nextHold(hold: OpenHold | null, judged: JudgedWindow, closeAfter: number): HoldChange {
  const failed = judged.results.filter(
    ({ severity, verdict }) => severity === 'hold' && verdict === quality.Verdict.FAIL,
  );
  const names = failed.map(resultName).sort();
  if (hold === null) {
    if (failed.length === 0) return { kind: 'none' };
    return { kind: 'open', hold: opened(judged, names, failed[0]?.detail ?? '') };
  }
  if (failed.length > 0) {
    const rules = [...new Set([...hold.rules, ...names])].sort();
    const kind = rules.length > hold.rules.length ? 'open' : 'kept';
    return { kind, hold: { ...hold, rules, good: 0, goodFromMs: 0 } };
  }
  if (!isGood(hold, judged)) return { kind: 'kept', hold };
  const good = hold.good + 1;
  const goodFromMs = hold.good === 0 ? judged.startMs : hold.goodFromMs;
  const counted = { ...hold, good, goodFromMs };
  return good < closeAfter ? { kind: 'kept', hold: counted } : { kind: 'closed', hold: counted, untilMs: goodFromMs };
}

function opened(judged: JudgedWindow, rules: readonly string[], reason: string): OpenHold {
  const { source, window, startMs, endMs, reportId } = judged;
  const id = eventId('hold', source, window, String(startMs));
  return { id, window, fromMs: startMs, openedAtMs: endMs, reportId, reason, rules, good: 0, goodFromMs: 0 };
}

/** All rules of the hold pass; those that are no longer there do not matter. */
function isGood(hold: OpenHold, { results }: JudgedWindow): boolean {
  const concerned = results.filter((result) => hold.rules.includes(resultName(result)));
  return concerned.every(({ verdict }) => verdict === quality.Verdict.PASS);
}
