import type { outcomes, PerformanceSpec } from '@everloop/contracts';
import { compareVersions } from '../windows/spans.ts';
import type { NamedMonitor } from '../windows/state.ts';
import { mergeHours, outcomeHour, type OutcomeHour } from './outcomes.ts';
import type { QualityWindow } from './performance.ts';
import type { Track } from './track.ts';

/** How far a Monitor has judged: ends of the last windows that were closed with labels, and by scores alone. */
export interface Judged {
  readonly labelledMs: number;
  readonly estimatedMs: number;
}

/** Outcomes by hour until every window with them is closed, and what is remembered of versions. Changed in place by this module's functions. */
export interface QualityState {
  /** By `hourKey`. */
  readonly hours: Map<string, OutcomeHour>;
  /** By `trackKey`. */
  readonly tracks: Map<string, Track>;
  /** By Monitor. */
  readonly judged: Map<string, Judged>;
}

export function createQualityState(): QualityState {
  return { hours: new Map(), tracks: new Map(), judged: new Map() };
}

/** A Monitor that watches the quality of its model, and how long labels may take (`label.wait` of the Model). */
export interface QualityMonitor {
  readonly name: string;
  readonly model: string;
  readonly performance: PerformanceSpec;
  readonly waitMs: number;
}

/** Those of the Monitors that watch quality and whose Model is known. */
export function qualityMonitors(
  monitors: readonly NamedMonitor[],
  waitOf: (model: string) => number | undefined,
): readonly QualityMonitor[] {
  return monitors.flatMap(({ name, spec }) => {
    const waitMs = waitOf(spec.model);
    if (spec.performance === undefined || waitMs === undefined) return [];
    return [{ name, model: spec.model, performance: spec.performance, waitMs }];
  });
}

/** A window that may be closed: with labels, or by scores alone. */
export interface DueQuality {
  readonly monitor: QualityMonitor;
  readonly kind: 'performance' | 'estimated';
  readonly window: QualityWindow;
}

/** Hours that are held at most, of all versions and models; the oldest makes room. */
const hoursMax = 50_000;
/** Versions of one Monitor that are remembered; the oldest makes room. */
const tracksMax = 16;
/** What no window needs while its Monitor has judged nothing. */
const never: Judged = { labelledMs: -Infinity, estimatedMs: -Infinity };

export function hourKey({ model, version, hourMs }: OutcomeHour): string {
  return `${model}/${version}/${hourMs}`;
}

export function trackKey(monitor: string, version: string): string {
  return `${monitor}/${version}`;
}

function endOf(monitor: QualityMonitor, timeMs: number): number {
  const { windowMs } = monitor.performance;
  return (Math.floor(timeMs / windowMs) + 1) * windowMs;
}

function isNeeded(state: QualityState, monitors: readonly QualityMonitor[], hour: OutcomeHour): boolean {
  return monitors.some(
    (monitor) =>
      monitor.model === hour.model &&
      endOf(monitor, hour.hourMs) > (state.judged.get(monitor.name) ?? never).labelledMs,
  );
}

/**
 * Adds outcomes. The keys of the hours that changed; none when no Monitor needs them: another arm, a slice, a model that nobody watches, or a
 * correction that came after its window.
 */
export function takeOutcomes(
  state: QualityState,
  monitors: readonly QualityMonitor[],
  stats: outcomes.OutcomeStats,
): readonly string[] {
  const hour = outcomeHour(stats);
  if (hour === null || !isNeeded(state, monitors, hour)) return [];
  const key = hourKey(hour);
  const known = state.hours.get(key);
  state.hours.set(key, known === undefined ? hour : mergeHours([known, hour]));
  if (state.hours.size <= hoursMax) return [key];
  const oldest = [...state.hours].reduce((a, b) => (b[1].hourMs < a[1].hourMs ? b : a))[0];
  state.hours.delete(oldest);
  return [key, oldest];
}

function windowsOf(state: QualityState, monitor: QualityMonitor): readonly QualityWindow[] {
  const byEnd = new Map<number, OutcomeHour[]>();
  for (const hour of state.hours.values()) {
    if (hour.model !== monitor.model) continue;
    const endMs = endOf(monitor, hour.hourMs);
    byEnd.set(endMs, [...(byEnd.get(endMs) ?? []), hour]);
  }
  return [...byEnd].map(([endMs, hours]) => {
    const version = hours.map((hour) => hour.version).reduce((a, b) => (compareVersions(a, b) < 0 ? b : a));
    const own = hours.filter((hour) => hour.version === version).sort((a, b) => a.hourMs - b.hourMs);
    const { name, model, performance } = monitor;
    return { monitor: name, model, version, startMs: endMs - performance.windowMs, endMs, hours: own };
  });
}

/**
 * The windows that may be closed at a watermark, in the order in which their time came, then by Monitor: by scores alone when their
 * predictions are in, with labels when the wait for those is over too. A window is about the newest champion in it. It does not close them
 * (`closeWindow`), so that each is judged with what the one before has taught.
 */
export function dueQuality(
  state: QualityState,
  monitors: readonly QualityMonitor[],
  watermarkMs: number,
): readonly DueQuality[] {
  const due = monitors.flatMap((monitor) => {
    const judged = state.judged.get(monitor.name) ?? never;
    return windowsOf(state, monitor).flatMap((window): (DueQuality & { readonly atMs: number })[] => {
      const labelledAtMs = window.endMs + monitor.waitMs;
      const byScores = monitor.performance.estimate && monitor.waitMs > 0 && window.endMs > judged.estimatedMs;
      return [
        ...(byScores ? [{ monitor, window, kind: 'estimated' as const, atMs: window.endMs }] : []),
        ...(window.endMs > judged.labelledMs
          ? [{ monitor, window, kind: 'performance' as const, atMs: labelledAtMs }]
          : []),
      ].filter(({ atMs }) => atMs <= watermarkMs);
    });
  });
  return due.sort(
    (a, b) =>
      a.atMs - b.atMs ||
      (a.monitor.name < b.monitor.name ? -1 : a.monitor.name > b.monitor.name ? 1 : 0) ||
      a.window.endMs - b.window.endMs,
  );
}

/** Remembers that a window was judged, and what it taught. */
export function closeWindow(state: QualityState, { monitor, kind, window }: DueQuality, track: Track): void {
  const judged = state.judged.get(monitor.name) ?? never;
  const next = kind === 'performance' ? { labelledMs: window.endMs } : { estimatedMs: window.endMs };
  state.judged.set(monitor.name, { ...judged, ...next });
  state.tracks.set(trackKey(monitor.name, window.version), track);
}

/** Forgets what no window needs any more; the keys of what is gone. */
export function forget(
  state: QualityState,
  monitors: readonly QualityMonitor[],
): { readonly hours: readonly string[]; readonly tracks: readonly string[]; readonly judged: readonly string[] } {
  const hours = [...state.hours].filter(([, hour]) => !isNeeded(state, monitors, hour)).map(([key]) => key);
  const names = new Set(monitors.map(({ name }) => name));
  const judged = [...state.judged.keys()].filter((name) => !names.has(name));
  const byMonitor = new Map<string, string[]>();
  for (const key of state.tracks.keys()) {
    const monitor = key.slice(0, key.indexOf('/'));
    byMonitor.set(monitor, [...(byMonitor.get(monitor) ?? []), key.slice(monitor.length + 1)]);
  }
  const tracks = [...byMonitor].flatMap(([monitor, versions]) => {
    const kept = names.has(monitor) ? tracksMax : 0;
    return versions
      .sort(compareVersions)
      .slice(0, Math.max(0, versions.length - kept))
      .map((version) => trackKey(monitor, version));
  });
  for (const key of hours) state.hours.delete(key);
  for (const key of tracks) state.tracks.delete(key);
  for (const name of judged) state.judged.delete(name);
  return { hours, tracks, judged };
}
