import { quality, type FeatureViewSpec, type ModelSpec } from '@everloop/contracts';

/** A source whose data a training uses. */
export interface NeededSource {
  readonly source: string;
  /** How long its data keeps acting on features after its event time: the longest aggregation window, milliseconds. */
  readonly echoMs: number;
}

/** Event times that must not train, [fromMs, untilMs). */
export interface HeldRange {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

/** What holds say about a training as of a time. */
export interface HeldData {
  /** Ascending by start, then reason. */
  readonly ranges: readonly HeldRange[];
  /** Holds that were open then, in words. */
  readonly open: readonly string[];
}

export const nothingHeld: HeldData = { ranges: [], open: [] };

/** The sources that a model's training set is made of: examples, labels, and those of its views. By name. */
export function neededSources(
  spec: ModelSpec,
  viewOf: (name: string) => FeatureViewSpec | undefined,
): readonly NeededSource[] {
  const echoes = new Map<string, number>();
  const need = (source: string, echoMs: number): void =>
    void echoes.set(source, Math.max(echoMs, echoes.get(source) ?? 0));
  need(spec.examples.source, 0);
  need(spec.label.source, 0);
  for (const { view } of spec.views) {
    const found = viewOf(view);
    if (found === undefined) continue;
    // The start of a window is rounded down to a hop.
    const echoMs = found.aggregations.reduce((longest, { windowMs }) => Math.max(longest, windowMs + found.hopMs), 0);
    need(found.source, echoMs);
  }
  return [...echoes].map(([source, echoMs]) => ({ source, echoMs })).sort((a, b) => (a.source < b.source ? -1 : 1));
}

/**
 * What is held as of `timeMs`, by what was known then: a hold counts once the end of the window that opened it has passed, is open until
 * the event time at which it ended, and holds nothing when a person had accepted its data by then. So a repeat, and a replay, decide the
 * same, whatever has become of the hold since.
 */
export function heldAsOf(holds: readonly quality.Hold[], needed: readonly NeededSource[], timeMs: number): HeldData {
  const ranges: HeldRange[] = [];
  const open: string[] = [];
  for (const { source, echoMs } of needed) {
    for (const hold of holds) {
      if (hold.source !== source || hold.openedAtMs > timeMs) continue;
      const hadEnded = hold.state !== quality.HoldState.OPEN && hold.closedAtMs <= timeMs;
      if (hadEnded && hold.accepted) continue;
      const reason = `hold ${hold.id} of ${source}/${hold.window}`;
      const untilMs = hadEnded ? Math.min(hold.untilMs + echoMs, timeMs) : timeMs;
      if (!hadEnded) open.push(`${reason} since ${new Date(hold.fromMs).toISOString()} (${hold.rules.join(', ')})`);
      if (hold.fromMs < untilMs) ranges.push({ fromMs: hold.fromMs, untilMs, reason });
    }
  }
  ranges.sort((a, b) => a.fromMs - b.fromMs || (a.reason < b.reason ? -1 : 1));
  return { ranges, open: open.sort() };
}
