import type { drift } from '@everloop/contracts';
import type { Baseline } from '../panes/baseline.ts';
import { paneMs } from '../panes/pane.ts';
import { hasEveryPhase, phaseOf, phasesOf, phaseText, phaseWidthMs, type Phase, type Span } from './phase.ts';

type Counts = ReadonlyMap<string, { readonly counts: Float64Array; missing: number }>;

interface Part {
  readonly counts: Counts;
  rows: number;
}

/** The training rows of a version by phase. `[phases × bins] float64`: with 50 fields of 256 bins and 24 hours 2.5 MB. */
export interface PhaseReferences {
  readonly baseline: Baseline;
  readonly phase: Phase;
  /** By phase; empty where the phase is none. */
  readonly parts: ReadonlyMap<number, Part>;
  /** Why there are no parts; empty: there are. */
  readonly lack: string;
  /** References that were made, by their phases; the last `madeMax`, as large as a baseline each. */
  readonly made: Map<string, Baseline>;
}

/** Why a window has nothing that it could be compared with. */
export interface NoReference {
  readonly lack: string;
  /** The phases that it is about, in words. */
  readonly phase: string;
}

/** What a window is compared with; null: its version has no baseline. */
export type Reference = Baseline | NoReference | null;

const madeMax = 24;

function emptyCounts(baseline: Baseline): Counts {
  return new Map(
    baseline.fields.map(({ reference }) => [
      reference.field,
      { counts: new Float64Array(reference.counts.length), missing: 0 },
    ]),
  );
}

function addTo(into: Counts, fields: readonly drift.FieldCounts[], sign: 1 | -1): void {
  for (const { field, bins, counts, missing } of fields) {
    const known = into.get(field);
    if (known === undefined) continue;
    for (let i = 0; i < bins.length; i += 1) {
      const bin = bins[i] ?? 0;
      known.counts[bin] = (known.counts[bin] ?? 0) + sign * (counts[i] ?? 0);
    }
    known.missing += sign * missing;
  }
}

/** Why a history cannot be used with its baseline, or null: every count must have its bin. */
export function historyProblem(baseline: Baseline, panes: readonly drift.Pane[]): string | null {
  const bins = new Map(baseline.fields.map(({ reference }) => [reference.field, reference.counts.length]));
  for (const pane of panes) {
    for (const own of pane.fields) {
      const size = bins.get(own.field);
      if (size === undefined) return `field ${own.field} is not in the baseline`;
      if (own.counts.length !== own.bins.length)
        return `field ${own.field} has ${own.counts.length} counts for ${own.bins.length} bins`;
      if (own.bins.some((bin) => bin < 0 || bin >= size))
        return `field ${own.field} has a bin that is none of its ${size}`;
      if (own.missing < 0 || own.counts.some((count) => count < 0)) return `field ${own.field} has a count below 0`;
    }
  }
  return null;
}

/**
 * Sorts the training rows of a version by phase. `panes` are its history, or null where it has none: then only windows that have every phase
 * have a reference, which is the baseline itself. O(panes × fields × bins).
 */
export function phaseReferences(
  baseline: Baseline,
  phase: Phase,
  panes: readonly drift.Pane[] | null,
): PhaseReferences {
  const parts = new Map<number, Part>();
  const of = (lack: string): PhaseReferences => ({ baseline, phase, parts, lack, made: new Map() });
  if (phase === 'none') return of('');
  const version = `version ${baseline.version}`;
  if (panes === null) return of(`${version} has no history of its training rows`);
  if (panes.some((pane) => (pane.widthMs || paneMs) > phaseWidthMs(phase)))
    return of(`the history of ${version} is by day, not by hour`);
  for (const pane of panes) {
    const place = phaseOf(phase, pane.startMs);
    const part = parts.get(place) ?? { counts: emptyCounts(baseline), rows: 0 };
    addTo(part.counts, pane.fields, 1);
    part.rows += pane.rows;
    parts.set(place, part);
  }
  return of('');
}

interface Sums {
  readonly counts: Counts;
  readonly rows: number;
}

function sumsOf({ baseline, phase, parts }: PhaseReferences, span: Span): Sums {
  const counts = emptyCounts(baseline);
  const phases = phasesOf(phase, span);
  let rows = 0;
  for (const place of phases) {
    const part = parts.get(place);
    if (part === undefined) continue;
    rows += part.rows;
    for (const [field, own] of part.counts) {
      const sum = counts.get(field);
      if (sum === undefined) continue;
      for (let i = 0; i < own.counts.length; i += 1) sum.counts[i] = (sum.counts[i] ?? 0) + (own.counts[i] ?? 0);
      sum.missing += own.missing;
    }
  }
  return { counts, rows };
}

function wholeSums({ fields, rows }: Baseline): Sums {
  const counts = new Map(
    fields.map(({ reference }) => [
      reference.field,
      { counts: Float64Array.from(reference.counts), missing: reference.missing },
    ]),
  );
  return { counts, rows };
}

function withCounts(baseline: Baseline, { counts, rows }: Sums, phase: string): Baseline {
  const fields = baseline.fields.map((field) => {
    const own = counts.get(field.reference.field);
    if (own === undefined) return field;
    return { ...field, reference: { ...field.reference, counts: [...own.counts], missing: own.missing } };
  });
  return { ...baseline, fields, rows, phase };
}

/**
 * What a window is compared with: the training rows of its phases, which is the baseline itself where it has all of them. Each phase counts with as many
 * rows as it had in training. O(phases × fields × bins), once for each set of phases.
 */
export function referenceFor(references: PhaseReferences, span: Span): Baseline | NoReference {
  const { baseline, phase, lack, made } = references;
  if (hasEveryPhase(phase, span)) return baseline;
  const text = phaseText(phase, span);
  if (lack !== '') return { lack: `${lack}, so no reference of ${text}`, phase: text };
  const known = made.get(text);
  if (known !== undefined) return known;
  const reference = withCounts(baseline, sumsOf(references, span), text);
  const [oldest] = made.size >= madeMax ? made.keys() : [];
  if (oldest !== undefined) made.delete(oldest);
  made.set(text, reference);
  return reference;
}

/**
 * The reference of a window of the training rows themselves: without its own rows, for it would else be compared with a part of itself. The
 * baseline where they are no part of it.
 */
export function referenceWithout(references: PhaseReferences, span: Span, own: drift.Pane): Baseline {
  const { baseline, phase, lack } = references;
  const isWhole = lack !== '' || hasEveryPhase(phase, span);
  const sums = isWhole ? wholeSums(baseline) : sumsOf(references, span);
  addTo(sums.counts, own.fields, -1);
  const isPart = [...sums.counts.values()].every(
    ({ counts, missing }) => missing >= 0 && !counts.some((count) => count < 0),
  );
  const rows = sums.rows - own.rows;
  return isPart ? withCounts(baseline, { ...sums, rows }, isWhole ? '' : phaseText(phase, span)) : baseline;
}
