import { drift, type MonitorSpec } from '@everloop/contracts';
import { addPane } from '../panes/counts.ts';
import { lastEndMs } from './spans.ts';

/** A Monitor with its name. */
export interface NamedMonitor {
  readonly name: string;
  readonly revision: number;
  readonly spec: MonitorSpec;
}

/** How far a Monitor has got. Event times in epoch milliseconds UTC. */
export interface Cursor {
  /** End of the last window that was closed; null: none. */
  closedUntilMs: number | null;
  /** Start of the windows that are carried over into the next; null: none are. */
  carriedFromMs: number | null;
  carried: number;
  /** Rows that came after their window was closed, since the last report. */
  lateRows: number;
}

/** Event time that is kept of a model that has no Monitor yet, so that its first window is whole. Milliseconds. */
export const withoutMonitorMs = 31 * 86_400_000;
/** Panes that are held at most, about 30 kB each: hours of all models and versions that windows are open for. */
export const panesMax = 20_000;
/** Further ahead of the watermark than this a pane is remarkable, milliseconds: no log of predictions is read so unevenly. */
const aheadMsMax = 31 * 86_400_000;

/** Merged panes, and how far each Monitor has got. Changed in place by this folder's functions, which note what they change. */
export interface WindowState {
  readonly panes: Map<string, drift.Pane>;
  readonly cursors: Map<string, Cursor>;
  /** What was learned in service, by Monitor, model and version. */
  readonly learned: Map<string, drift.LearnedReference>;
  watermarkMs: number;
  /** Rows of panes that made room for others, by model, until somebody asks for them. */
  readonly displaced: Map<string, number>;
  /** Keys of the changelog that differ from what it holds. */
  readonly changed: Set<string>;
}

export function createWindowState(): WindowState {
  return {
    panes: new Map(),
    cursors: new Map(),
    learned: new Map(),
    watermarkMs: -Infinity,
    displaced: new Map(),
    changed: new Set(),
  };
}

const prefix = 'windows/';
const paneKind = 'pane/';
const monitorKind = 'monitor/';
const learnedKind = 'learned/';
const watermarkKind = 'watermark';

/** Notes that what was learned has changed, see `learnedOf`. */
export function changeLearned(state: WindowState, key: string): void {
  state.changed.add(prefix + learnedKind + key);
}

/** The cursor of a Monitor, which the caller is about to change. */
export function cursorOf(state: WindowState, monitor: string): Cursor {
  state.changed.add(prefix + monitorKind + monitor);
  const known = state.cursors.get(monitor);
  if (known !== undefined) return known;
  const cursor = { closedUntilMs: null, carriedFromMs: null, carried: 0, lateRows: 0 };
  state.cursors.set(monitor, cursor);
  return cursor;
}

function isClosed({ spec }: NamedMonitor, startMs: number, watermarkMs: number): boolean {
  return lastEndMs(spec, startMs) + spec.allowedLatenessMs <= watermarkMs;
}

/** `late`: no window that is still open could have it. `full`: `panesMax` panes are held, all nearer to the watermark. */
export type Taken = 'taken' | 'late' | 'full';

/**
 * Makes room for a pane by that which is furthest ahead of the watermark, unless it is the furthest itself. So hours of the far future, which a clock
 * that is wrong makes and no watermark may ever pass, take nobody's room, and while the watermark stands still the windows that close next stay whole.
 * O(panes).
 */
function makeRoom(state: WindowState, { startMs }: drift.Pane): boolean {
  let furthest: readonly [key: string, pane: drift.Pane] | undefined;
  for (const entry of state.panes) {
    const [key, pane] = entry;
    if (pane.startMs <= startMs || pane.startMs < (furthest?.[1].startMs ?? -Infinity)) continue;
    if (pane.startMs === furthest?.[1].startMs && key < furthest[0]) continue;
    furthest = entry;
  }
  if (furthest === undefined) return false;
  const [key, { model, rows }] = furthest;
  state.panes.delete(key);
  state.changed.add(prefix + paneKind + key);
  state.displaced.set(model, (state.displaced.get(model) ?? 0) + rows);
  return true;
}

/** Rows that made room since the last call, by model. */
export function takeDisplaced(state: WindowState): ReadonlyMap<string, number> {
  const displaced = new Map(state.displaced);
  state.displaced.clear();
  return displaced;
}

/** Whether a pane lies more than 31 days ahead of the watermark; false while that is unknown. It is taken all the same. */
export function isFarAhead({ watermarkMs }: WindowState, { startMs }: drift.Pane): boolean {
  return watermarkMs > -Infinity && startMs - watermarkMs > aheadMsMax;
}

/**
 * Merges a pane into those of its model, version and hour. Where it is late for a Monitor, the Monitor's next report says so. O(1), and O(panes) for a
 * new hour while all room is taken.
 */
export function takePane(state: WindowState, monitors: readonly NamedMonitor[], pane: drift.Pane): Taken {
  const own = monitors.filter(({ spec }) => spec.model === pane.model);
  const closed = own.filter((monitor) => isClosed(monitor, pane.startMs, state.watermarkMs));
  for (const { name } of closed) cursorOf(state, name).lateRows += pane.rows;
  const isLate = own.length === 0 ? pane.startMs + withoutMonitorMs <= state.watermarkMs : closed.length === own.length;
  if (isLate) return 'late';
  const key = `${pane.model}/${pane.baselineVersion}/${pane.startMs}`;
  const known = state.panes.get(key);
  if (known === undefined && state.panes.size >= panesMax && !makeRoom(state, pane)) return 'full';
  if (known === undefined) state.panes.set(key, pane);
  else addPane(known, pane);
  state.changed.add(prefix + paneKind + key);
  return 'taken';
}

/** Moves the watermark, never back. */
export function moveWatermark(state: WindowState, watermarkMs: number): void {
  if (watermarkMs <= state.watermarkMs) return;
  state.watermarkMs = watermarkMs;
  state.changed.add(prefix + watermarkKind);
}

/** Forgets the panes that no window needs any more. */
export function forgetPanes(state: WindowState, monitors: readonly NamedMonitor[]): void {
  for (const [key, { model, startMs }] of state.panes) {
    const own = monitors.filter(({ spec }) => spec.model === model);
    const isNeeded =
      own.length === 0
        ? startMs + withoutMonitorMs > state.watermarkMs
        : own.some((monitor) => {
            const carriedFromMs = state.cursors.get(monitor.name)?.carriedFromMs ?? Infinity;
            return startMs >= carriedFromMs || !isClosed(monitor, startMs, state.watermarkMs);
          });
    if (isNeeded) continue;
    state.panes.delete(key);
    state.changed.add(prefix + paneKind + key);
  }
}

/** A record of the changelog; null: the key is forgotten. */
export interface StateChange {
  readonly key: string;
  readonly value: Uint8Array | null;
}

function valueOf(state: WindowState, key: string): Uint8Array | null {
  const name = key.slice(prefix.length);
  if (name === watermarkKind) return Buffer.from(JSON.stringify(state.watermarkMs));
  if (name.startsWith(paneKind)) {
    const pane = state.panes.get(name.slice(paneKind.length));
    return pane === undefined ? null : drift.Pane.encode(pane).finish();
  }
  if (name.startsWith(learnedKind)) {
    const learned = state.learned.get(name.slice(learnedKind.length));
    return learned === undefined ? null : drift.LearnedReference.encode(learned).finish();
  }
  const cursor = state.cursors.get(name.slice(monitorKind.length));
  return cursor === undefined ? null : Buffer.from(JSON.stringify(cursor));
}

/** What has changed since the last call, sorted by key: what the changelog must be told in the same transaction. */
export function takeChanges(state: WindowState): readonly StateChange[] {
  const keys = [...state.changed].sort();
  state.changed.clear();
  return keys.map((key) => ({ key, value: valueOf(state, key) }));
}

/** Takes a record of the changelog; those of other stages are left alone. */
export function restoreChange(state: WindowState, key: string, value: Uint8Array): void {
  if (!key.startsWith(prefix)) return;
  const name = key.slice(prefix.length);
  const text = (): unknown => JSON.parse(Buffer.from(value).toString('utf8'));
  if (name === watermarkKind) state.watermarkMs = text() as number;
  else if (name.startsWith(paneKind)) state.panes.set(name.slice(paneKind.length), drift.Pane.decode(value));
  else if (name.startsWith(learnedKind))
    state.learned.set(name.slice(learnedKind.length), drift.LearnedReference.decode(value));
  else if (name.startsWith(monitorKind)) state.cursors.set(name.slice(monitorKind.length), text() as Cursor);
}
