import type { outcomes, PerformanceSpec } from '@everloop/contracts';
import { compareVersions } from '../windows/spans.ts';
import type { NamedMonitor } from '../windows/state.ts';
import { mergeHours, outcomeHour, type OutcomeHour } from './outcomes.ts';
import type { QualityWindow } from './performance.ts';
import { judgedSlices } from './slices.ts';
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

/** What the quality of a Model is watched with. */
export interface LabelledModel {
  /** How long labels may take (`label.wait`). */
  readonly waitMs: number;
  /** Names of its slices. */
  readonly slices: readonly string[];
  /** Labels are numbers, which are judged by their errors and have no estimates from scores alone. */
  readonly isNumeric: boolean;
}

/** A Monitor that watches the quality of its model, with those slices that it judges. */
export interface QualityMonitor extends LabelledModel {
  readonly name: string;
  readonly model: string;
  readonly performance: PerformanceSpec;
}

/** Those of the Monitors that watch quality and whose Model is known. */
export function qualityMonitors(
  monitors: readonly NamedMonitor[],
  modelOf: (model: string) => LabelledModel | undefined,
): readonly QualityMonitor[] {
  return monitors.flatMap(({ name, spec: { model, performance } }) => {
    const known = modelOf(model);
    if (performance === undefined || known === undefined) return [];
    return [{ ...known, name, model, performance, slices: judgedSlices(performance, known.slices) }];
  });
}

/** A window that may be closed: with labels, or by scores alone. */
export interface DueQuality {
  readonly monitor: QualityMonitor;
  readonly kind: 'performance' | 'estimated';
  readonly window: QualityWindow;
}

/** Hours that are held at most, of all versions, models and slices; the oldest makes room. */
const hoursMax = 50_000;
/** Versions of one Monitor that are remembered; the oldest makes room. */
const tracksMax = 16;
/** What no window needs while its Monitor has judged nothing. */
const never: Judged = { labelledMs: -Infinity, estimatedMs: -Infinity };

export function hourKey({ model, version, slice, hourMs }: OutcomeHour): string {
  return slice === '' ? `${model}/${version}/${hourMs}` : `${model}/${version}/${hourMs}/${slice}`;
}

/** Key of what is remembered of a version, overall or in a slice. */
export function trackKey(monitor: string, version: string, slice: string): string {
  return slice === '' ? `${monitor}/${version}` : `${monitor}/${version}/${slice}`;
}

function endOf(monitor: QualityMonitor, timeMs: number): number {
  const { windowMs } = monitor.performance;
  return (Math.floor(timeMs / windowMs) + 1) * windowMs;
}

function isNeeded(state: QualityState, monitors: readonly QualityMonitor[], hour: OutcomeHour): boolean {
  return monitors.some(
    (monitor) =>
      monitor.model === hour.model &&
      (hour.slice === '' || monitor.slices.includes(hour.slice)) &&
      endOf(monitor, hour.hourMs) > (state.judged.get(monitor.name) ?? never).labelledMs,
  );
}

/**
 * Adds outcomes. The keys of the hours that changed; none when no Monitor needs them: another arm, a slice or model that nobody watches, or a
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

/** Hours whose labels are of the kind that the Model has now. */
function isOfKind({ labelled, errors }: OutcomeHour, { isNumeric }: QualityMonitor): boolean {
  return labelled === 0 || (errors !== null) === isNumeric;
}

function windowsOf(state: QualityState, monitor: QualityMonitor): readonly QualityWindow[] {
  const byEnd = new Map<number, OutcomeHour[]>();
  for (const hour of state.hours.values()) {
    if (hour.model !== monitor.model) continue;
    const endMs = endOf(monitor, hour.hourMs);
    byEnd.set(endMs, [...(byEnd.get(endMs) ?? []), hour]);
  }
  return [...byEnd].flatMap(([endMs, hours]) => {
    const version = hours.map((hour) => hour.version).reduce((a, b) => (compareVersions(a, b) < 0 ? b : a));
    const own = hours
      .filter((hour) => hour.version === version && isOfKind(hour, monitor))
      .sort((a, b) => a.hourMs - b.hourMs);
    const { name, model, performance, isNumeric } = monitor;
    const metric = isNumeric ? ('mae' as const) : ('logLoss' as const);
    const window = { monitor: name, model, version, metric, startMs: endMs - performance.windowMs, endMs };
    return ['', ...monitor.slices].flatMap((slice) => {
      const inSlice = own.filter((hour) => hour.slice === slice);
      return inSlice.length === 0 ? [] : [{ ...window, slice, hours: inSlice }];
    });
  });
}

/**
 * The windows that may be closed at a watermark, in the order in which their time came, then by Monitor, all predictions before their slices: by
 * scores alone when their predictions are in, with labels when the wait for those is over too. A window is about the newest champion in it; a slice
 * without predictions in it has none. It does not close them (`closeWindow`), so that each is judged with what the one before has taught.
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
      const byScores =
        monitor.performance.estimate && !monitor.isNumeric && monitor.waitMs > 0 && window.endMs > judged.estimatedMs;
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
      a.window.endMs - b.window.endMs ||
      a.monitor.slices.indexOf(a.window.slice) - b.monitor.slices.indexOf(b.window.slice),
  );
}

/** Remembers that a window was judged, and what it taught. */
export function closeWindow(state: QualityState, { monitor, kind, window }: DueQuality, track: Track): void {
  const judged = state.judged.get(monitor.name) ?? never;
  const next = kind === 'performance' ? { labelledMs: window.endMs } : { estimatedMs: window.endMs };
  state.judged.set(monitor.name, { ...judged, ...next });
  state.tracks.set(trackKey(monitor.name, window.version, window.slice), track);
}

/** Of the keys of tracks those of Monitors that are gone, of slices that are no longer judged, and of all but the newest versions. */
function forgottenTracks(keys: readonly string[], monitors: readonly QualityMonitor[]): readonly string[] {
  const named = new Map(monitors.map((monitor) => [monitor.name, monitor]));
  const parts = keys.map((key) => {
    const [name = '', version = '', slice = ''] = key.split('/');
    return { key, name, version, slice };
  });
  const kept = new Map<string, ReadonlySet<string>>();
  for (const name of named.keys()) {
    const versions = new Set(parts.flatMap((part) => (part.name === name ? part.version : [])));
    kept.set(name, new Set([...versions].sort(compareVersions).slice(-tracksMax)));
  }
  const isKept = ({ name, version, slice }: (typeof parts)[number]): boolean =>
    kept.get(name)?.has(version) === true && (slice === '' || named.get(name)?.slices.includes(slice) === true);
  return parts.filter((part) => !isKept(part)).map(({ key }) => key);
}

/** Forgets what no window needs any more; the keys of what is gone. */
export function forget(
  state: QualityState,
  monitors: readonly QualityMonitor[],
): { readonly hours: readonly string[]; readonly tracks: readonly string[]; readonly judged: readonly string[] } {
  const hours = [...state.hours].filter(([, hour]) => !isNeeded(state, monitors, hour)).map(([key]) => key);
  const names = new Set(monitors.map(({ name }) => name));
  const judged = [...state.judged.keys()].filter((name) => !names.has(name));
  const tracks = forgottenTracks([...state.tracks.keys()], monitors);
  for (const key of hours) state.hours.delete(key);
  for (const key of tracks) state.tracks.delete(key);
  for (const name of judged) state.judged.delete(name);
  return { hours, tracks, judged };
}
