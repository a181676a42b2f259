import type { drift, MonitorSpec } from '@everloop/contracts';
import { hashText, randomIndex } from '@everloop/stats';
import { watchedOf } from '../judge/evaluate.ts';
import type { Baseline } from '../panes/baseline.ts';
import { firstWanted, type DebounceRule } from './debounce.ts';
import type { HistoryWindow } from './history.ts';
import { shiftOf, type Shift } from './shift.ts';

/** Shifts that plans tell the cost of, standard deviations. */
export const shifts = [0.1, 0.25, 0.5] as const;
/** Windows of the history that are shifted, and sets of fields that are shifted in turn. */
const shiftedWindows = 60;
const fieldSets = 2;
const runsMax = 200;

/** What can be shifted: columns that the Monitor watches and that the history has. */
function shiftable(baseline: Baseline, spec: Pick<MonitorSpec, 'fields'>): readonly string[] {
  return watchedOf(spec, baseline)
    .filter(({ origin }) => origin === 'training')
    .map(({ reference }) => reference.field);
}

/** A tenth of them, at least one: those with the smallest hashes of name and set, so that they are the same for all plans. */
function fieldsOf(names: readonly string[], set: number): ReadonlySet<string> {
  const order = names.map((name) => ({ name, hash: hashText(`${set}/${name}`) })).sort((a, b) => a.hash - b.hash);
  return new Set(order.slice(0, tenthOf(names)).map(({ name }) => name));
}

const tenthOf = (names: readonly string[]): number => Math.max(1, Math.round(names.length / 10));

/** Fields that a shift moves. */
export function shiftedFieldsOf(baseline: Baseline, spec: Pick<MonitorSpec, 'fields'>): number {
  return tenthOf(shiftable(baseline, spec));
}

function moved(window: HistoryWindow, shiftBy: ReadonlyMap<string, Shift>): HistoryWindow {
  const { counts } = window.window;
  const fields = counts.fields.map((field) => shiftBy.get(field.field)?.(field) ?? field);
  return { ...window, window: { ...window.window, counts: { ...counts, fields } } };
}

/** Windows as they would have been after a shift, by set of fields; spread over the history. O(windows × fields × bins). */
export function* shiftedHistory(
  history: readonly HistoryWindow[],
  baseline: Baseline,
  spec: Pick<MonitorSpec, 'fields'>,
  sigmas: number,
): Generator<readonly HistoryWindow[]> {
  const step = Math.max(1, history.length / shiftedWindows);
  const chosen = Array.from(
    { length: Math.min(shiftedWindows, history.length) },
    (_, i) => history[Math.floor(i * step)],
  );
  for (let set = 0; set < fieldSets; set += 1) {
    const own = fieldsOf(shiftable(baseline, spec), set);
    const shiftBy = new Map(
      baseline.fields
        .filter(({ reference }) => own.has(reference.field))
        .map(({ reference }) => [reference.field, shiftOf(reference, sigmas)]),
    );
    yield chosen.flatMap((window) => (window === undefined ? [] : [moved(window, shiftBy)]));
  }
}

/** Windows from a shift to the request in each run, -1 where a period passes without; `sets` says what each shifted window is. */
export function delaysOf(
  sets: readonly Uint8Array[],
  length: number,
  rule: DebounceRule,
  seed: number,
): readonly number[] {
  const random = randomIndex(seed);
  return Array.from({ length: runsMax }, (_, run) => {
    const codes = sets[run % Math.max(1, sets.length)] ?? new Uint8Array(0);
    const first = firstWanted(length, () => codes[random(Math.max(1, codes.length))] ?? 3, rule);
    return first < 0 ? -1 : first + 1;
  });
}

/** Median, ninth decile and share of what was found; runs that found nothing count as endless. */
export function delayOf(shift: number, shiftedFields: number, delays: readonly number[]): drift.DetectionDelay {
  const sorted = delays.map((delay) => (delay < 0 ? Infinity : delay)).sort((a, b) => a - b);
  const at = (share: number): number => {
    const delay = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity;
    return delay === Infinity ? -1 : delay;
  };
  const found = sorted.filter((delay) => delay < Infinity).length / Math.max(1, sorted.length);
  return { shift, shiftedFields, medianWindows: at(0.5), p90Windows: at(0.9), found };
}
