import type { MonitorSpec } from '@everloop/contracts';
import { paneMs } from '../panes/pane.ts';

function wholePanes(ms: number): number {
  return Math.max(1, Math.ceil(ms / paneMs)) * paneMs;
}

/** Width of a monitor's windows: whole hours, rounded up. Milliseconds. */
export function windowWidthMs({ windowMs }: MonitorSpec): number {
  return wholePanes(windowMs);
}

/** How far apart windows begin: the width, or less, whole hours. Milliseconds. */
export function windowSlideMs(spec: MonitorSpec): number {
  const width = windowWidthMs(spec);
  return spec.slideMs === undefined ? width : Math.min(width, wholePanes(spec.slideMs));
}

/** Whether windows follow each other, so that one can be carried over into the next. */
export function isTumbling(spec: MonitorSpec): boolean {
  return windowSlideMs(spec) === windowWidthMs(spec);
}

/** End of the first window that an event time lies in. Windows begin at multiples of the slide since 1970-01-01T00:00Z. */
export function firstEndMs(spec: MonitorSpec, eventTimeMs: number): number {
  const [width, slide] = [windowWidthMs(spec), windowSlideMs(spec)];
  return (Math.floor((eventTimeMs - width) / slide) + 1) * slide + width;
}

/** End of the last window that an event time lies in. */
export function lastEndMs(spec: MonitorSpec, eventTimeMs: number): number {
  const slide = windowSlideMs(spec);
  return Math.floor(eventTimeMs / slide) * slide + windowWidthMs(spec);
}

/** Order of versions: numbers by value, before other names by code unit. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [Number(a === '' ? Number.NaN : a), Number(b === '' ? Number.NaN : b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
