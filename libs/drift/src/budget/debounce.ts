/** What a simulated window is to the debounce. */
export const calm = 0;
export const drifted = 1;
export const urgent = 2;
/** Too few rows: no evidence either way. */
export const insufficient = 3;

export interface DebounceRule {
  /** `raiseWindows` of the last `raiseOf` windows must be drifted; at least 1. */
  readonly raiseWindows: number;
  readonly raiseOf: number;
  /** Windows after a request in which none is made. */
  readonly coolDownWindows: number;
}

export interface DebounceResult {
  readonly requests: number;
  /** Place of the first request; -1: none. */
  readonly first: number;
}

/** Place of the first window that wants a request; -1: none of them. Asks for windows only until then. O(windows). */
export function firstWanted(
  length: number,
  windowAt: (place: number) => number,
  { raiseWindows, raiseOf }: Pick<DebounceRule, 'raiseWindows' | 'raiseOf'>,
): number {
  const recent = new Uint8Array(raiseOf);
  let [seen, count] = [0, 0];
  for (let i = 0; i < length; i += 1) {
    const window = windowAt(i);
    if (window === insufficient) continue;
    const isDrifted = window !== calm;
    count += (isDrifted ? 1 : 0) - (recent[seen % raiseOf] ?? 0);
    recent[seen % raiseOf] = isDrifted ? 1 : 0;
    seen += 1;
    if (window === urgent || (isDrifted && count >= raiseWindows)) return i;
  }
  return -1;
}

/**
 * Requests that a sequence of windows leads to: k of n, or one that is urgent, outside of the cool-down. The decisions of the detector
 * without what only makes requests fewer (preconditions, back-off, the end of an alarm), so never fewer requests than those. O(windows).
 */
export function debounce(windows: ArrayLike<number>, rule: DebounceRule): DebounceResult {
  const recent = new Uint8Array(rule.raiseOf);
  let [seen, count, requests, first, quietUntil] = [0, 0, 0, -1, 0];
  for (let i = 0; i < windows.length; i += 1) {
    const window = windows[i] ?? insufficient;
    if (window === insufficient) continue;
    const isDrifted = window !== calm;
    const place = seen % rule.raiseOf;
    count += (isDrifted ? 1 : 0) - (recent[place] ?? 0);
    recent[place] = isDrifted ? 1 : 0;
    seen += 1;
    const isWanted = isDrifted && (window === urgent || count >= rule.raiseWindows);
    if (!isWanted || i < quietUntil) continue;
    requests += 1;
    if (first < 0) first = i;
    quietUntil = i + rule.coolDownWindows;
  }
  return { requests, first };
}
