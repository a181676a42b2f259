import type {
  CheckName,
  CheckResult,
  CheckAction,
  DatasetChecks,
  InnerSplit,
  ModelSpec,
  SplitSpec,
} from '@everloop/contracts';
import { auc, binIndex, quantileEdges } from '@everloop/stats';

/** A finding counts as the Model says. */
export function result(
  check: CheckName,
  action: CheckAction,
  found: { readonly isBad: boolean; readonly detail: string; readonly examples?: readonly object[] },
): CheckResult {
  const verdict = found.isBad && action !== 'off' ? action : 'pass';
  const examples = verdict === 'pass' ? [] : (found.examples ?? []).map((row) => JSON.stringify(row));
  return { check, verdict, detail: found.detail, examples };
}

/** Inputs that are the label itself: its field of the example's own record, or of the label's record of the same key. */
export function labelInputs(
  spec: ModelSpec,
  views: ReadonlyMap<
    string,
    { readonly source: string; readonly entity: readonly string[]; readonly columns: ReadonlySet<string> }
  >,
  /** What inputs are computed from, by name, where that is not their own `from`. */
  computedFrom: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly string[] {
  const { source, field, key } = spec.label;
  return spec.inputs
    .filter(({ name, from }) => (computedFrom.get(name) ?? [from]).some(isLabel))
    .map(({ name }) => name);

  function isLabel(from: string): boolean {
    const dot = from.indexOf('.');
    const [head, tail] = [from.slice(0, dot), from.slice(dot + 1)];
    if (head === 'request') return spec.examples.source === source && tail === field;
    const view = views.get(head);
    if (view === undefined || view.source !== source || !view.columns.has(tail)) return false;
    const isOfLabelKey = view.entity.length === 1 && view.entity[0] === key;
    const bound = spec.views.find((binding) => binding.view === head)?.key;
    return tail === field && isOfLabelKey && [bound].flat().includes(`request.${spec.joinKey}`);
  }
}

export interface LabelledColumn {
  readonly type: 'number' | 'string';
  /** Parallel to `labels`: a bin of a number or a value of text; null is missing. */
  readonly values: ArrayLike<number> | readonly (string | null)[];
  readonly labels: ArrayLike<number>;
}

/** How much one input tells of the label by itself. */
export interface InputPower {
  /** Area under the ROC curve of the input as a score, turned so that it is at least 1/2; NaN where it cannot be told. */
  readonly auc: number;
  /** Share of the label's entropy that the input takes away, measured on rows that were not used to learn it; from 0 to 1. */
  readonly information: number;
}

/** Fewest rows with a value, and of each label among them, for an area under the curve. */
const presentRowsMin = 100;
const classRowsMin = 20;
const numberBins = 32;

/**
 * Area under the curve of a number, and the share of entropy by bins or values: probabilities are learned on every second row and judged on the
 * others, so that a column of unique values tells nothing. O(n log n).
 *
 * Source: T. M. Cover and J. A. Thomas (2006), Elements of Information Theory, 2.4 and 2.6 (information as a difference of entropies, here
 * of cross-entropies).
 */
export function inputPower(column: LabelledColumn): InputPower {
  const { labels, values } = column;
  const length = labels.length;
  const units: (string | number | null)[] = [];
  if (column.type === 'string')
    for (let row = 0; row < length; row += 1) units.push((values[row] as string | null) ?? null);
  else {
    const numbers = values as ArrayLike<number>;
    const present = Float64Array.from({ length }, (_, row) => numbers[row] ?? NaN).filter(
      (value) => !Number.isNaN(value),
    );
    const edges = quantileEdges(present, numberBins);
    for (let row = 0; row < length; row += 1) units.push(binIndex(edges, numbers[row] ?? NaN));
  }
  return {
    auc: column.type === 'number' ? numberAuc(values as ArrayLike<number>, labels) : NaN,
    information: informationOf(units, labels),
  };
}

function numberAuc(values: ArrayLike<number>, labels: ArrayLike<number>): number {
  const rows = Array.from({ length: labels.length }, (_, row) => row).filter(
    (row) => !Number.isNaN(values[row] ?? NaN),
  );
  const positives = rows.filter((row) => (labels[row] ?? 0) > 0.5).length;
  if (rows.length < presentRowsMin || Math.min(positives, rows.length - positives) < classRowsMin) return NaN;
  const area = auc(
    rows.map((row) => values[row] ?? NaN),
    rows.map((row) => labels[row] ?? 0),
  );
  return Math.max(area, 1 - area);
}

function informationOf(units: readonly (string | number | null)[], labels: ArrayLike<number>): number {
  const learned = new Map<string | number | null, { rows: number; positives: number }>();
  const all = { rows: 0, positives: 0 };
  for (let row = 0; row < units.length; row += 2) {
    const unit = units[row] ?? null;
    const seen = learned.get(unit) ?? { rows: 0, positives: 0 };
    const label = (labels[row] ?? 0) > 0.5 ? 1 : 0;
    for (const sums of [seen, all]) {
      sums.rows += 1;
      sums.positives += label;
    }
    learned.set(unit, seen);
  }
  const rate = (sums: { rows: number; positives: number }, prior: number): number =>
    (sums.positives + prior) / (sums.rows + 1);
  const base = rate(all, 0.5);
  let without = 0;
  let withUnit = 0;
  for (let row = 1; row < units.length; row += 2) {
    const isPositive = (labels[row] ?? 0) > 0.5;
    const seen = learned.get(units[row] ?? null);
    const share = seen === undefined ? base : rate(seen, base);
    without -= Math.log(isPositive ? base : 1 - base);
    withUnit -= Math.log(isPositive ? share : 1 - share);
  }
  return without > 0 ? Math.max(0, 1 - withUnit / without) : 0;
}

/** Whether a power is beyond what a Model allows. */
export function isLeak(power: InputPower, limits: DatasetChecks): boolean {
  return power.auc > limits.maxAuc || power.information > limits.maxInformation;
}

/** What is hashed by a split; null where it hashes nothing but the join key by default. */
export function hashedInner(split: SplitSpec): Exclude<InnerSplit, { by: 'time' }> | null {
  return split.inner === undefined || split.inner.by === 'time' ? null : split.inner;
}
