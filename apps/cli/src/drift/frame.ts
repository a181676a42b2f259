import { element, label } from './svg.ts';

/** Everything is drawn in pixels of a picture of this width. */
export const width = 1_080;
/** On the right there is room for half of a day's name. */
export const margin = { left: 190, right: 32, top: 92 } as const;

export const colours = {
  served: '#1b6ca8',
  never: '#8a8f98',
  promotion: '#2e7d32',
  request: '#b71c1c',
  deferred: '#f9a825',
  alarm: '#8e5a9b',
  drifted: '#f2b8b5',
  stable: '#cfe8d1',
  insufficient: '#e3e7ea',
  grid: '#e3e6ea',
  text: '#1f2933',
  muted: '#5f6b7a',
} as const;

/** Where times are. */
export interface Frame {
  readonly x: (timeMs: number) => number;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

const hour = 3_600_000;
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** A day where it is the beginning of one, else to the minute, UTC. */
export const time = (ms: number): string =>
  ms % (24 * hour) === 0 ? day(ms) : new Date(ms).toISOString().slice(0, 16);

export function frameOf(windows: readonly Span[]): Frame {
  const fromMs = Math.min(...windows.map(({ startMs }) => startMs));
  const untilMs = Math.max(...windows.map(({ endMs }) => endMs));
  const scale = (width - margin.left - margin.right) / (untilMs - fromMs);
  return { fromMs, untilMs, x: (timeMs) => margin.left + (timeMs - fromMs) * scale };
}

/** Place of a window's cell, with a gap to its neighbours. */
export function cellOf({ x }: Frame, { startMs, endMs }: Span): { readonly x: number; readonly width: number } {
  return { x: x(startMs) + 0.5, width: Math.max(1, x(endMs) - x(startMs) - 1) };
}

/** First instants of the months, or of the days where there is less than a month. */
function ticks({ fromMs, untilMs }: Frame): readonly number[] {
  const months: number[] = [];
  const start = new Date(fromMs);
  for (let at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1); at < untilMs;) {
    months.push(at);
    const month = new Date(at);
    at = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1);
  }
  if (months.length >= 2) return months;
  const days = Math.max(1, Math.ceil((untilMs - fromMs) / (24 * hour) / 12));
  const first = Math.ceil(fromMs / (24 * hour)) * 24 * hour;
  return Array.from({ length: 13 }, (_, i) => first + i * days * 24 * hour).filter((at) => at < untilMs);
}

/** Lines at the beginnings of months, or days, with their names below. */
export function timeAxis(frame: Frame, top: number, bottom: number): string[] {
  return ticks(frame).flatMap((at) => [
    element('line', { x1: frame.x(at), x2: frame.x(at), y1: top, y2: bottom, stroke: colours.grid }),
    label(day(at), frame.x(at), bottom + 14, { 'text-anchor': 'middle', fill: colours.muted, 'font-size': 10 }),
  ]);
}

/** The name of a row, left of it. */
export function side(text: string, y: number, fill: string = colours.muted): string {
  return label(text, margin.left - 8, y, { 'text-anchor': 'end', fill, 'font-size': 11 });
}
