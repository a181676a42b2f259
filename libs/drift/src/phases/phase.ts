import type { MonitorSpec } from '@everloop/contracts';

/** What training rows must share with a window to be compared with it. */
export type Phase = MonitorSpec['reference']['phase'];

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** 1970-01-01 was the first of them. */
const weekdays = ['Thursday', 'Friday', 'Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday'];

const cycles: Readonly<Record<Phase, { readonly widthMs: number; readonly count: number }>> = {
  none: { widthMs: Infinity, count: 1 },
  hour: { widthMs: hourMs, count: 24 },
  weekday: { widthMs: dayMs, count: 7 },
};

/** Event time that one phase lasts, milliseconds; endless where there are none. */
export function phaseWidthMs(phase: Phase): number {
  return cycles[phase].widthMs;
}

/** Phase of an event time: hour of the day or day of the week, UTC; 0 for all where there are none. */
export function phaseOf(phase: Phase, timeMs: number): number {
  const { widthMs, count } = cycles[phase];
  return phase === 'none' ? 0 : Math.floor(timeMs / widthMs) % count;
}

/** Event time from `startMs` until before `endMs`, epoch milliseconds UTC. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** The phases of a span, in the order of time. */
export function phasesOf(phase: Phase, { startMs, endMs }: Span): readonly number[] {
  const { widthMs, count } = cycles[phase];
  if (phase === 'none') return [0];
  const first = Math.floor(startMs / widthMs);
  const length = Math.min(count, Math.max(1, Math.ceil(endMs / widthMs) - first));
  return Array.from({ length }, (_, i) => (first + i) % count);
}

/** Whether a span has every phase, so that its reference are all rows. */
export function hasEveryPhase(phase: Phase, span: Span): boolean {
  return phasesOf(phase, span).length === cycles[phase].count;
}

/**
 * The phases of a span in words; empty where all rows are its reference.
 *
 * phaseText('hour', { startMs: 79200000, endMs: 93600000 }) // → "hours 22-1"
 * phaseText('weekday', { startMs: 172800000, endMs: 176400000 }) // → "weekday Saturday"
 */
export function phaseText(phase: Phase, span: Span): string {
  if (hasEveryPhase(phase, span)) return '';
  const named = (place = 0): string => (phase === 'weekday' ? (weekdays[place] ?? '') : String(place));
  const phases = phasesOf(phase, span);
  const [first, last] = [named(phases[0]), named(phases.at(-1))];
  return phases.length === 1 ? `${phase} ${first}` : `${phase}s ${first}-${last}`;
}
