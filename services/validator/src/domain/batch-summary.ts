import type { Verdict } from '@everloop/records/check';

/** Counts of one batch of judged records. */
export interface BatchSummary {
  valid: number;
  quarantined: number;
  /** Reasons, by rule. */
  readonly byRule: Map<string, number>;
  /** Records with a kept column that the Source does not list, by column; array elements without their number. */
  readonly unexpected: Map<string, number>;
}

/** Most columns that are counted by name in one batch. */
const columnsMax = 200;

export function emptySummary(): BatchSummary {
  return { valid: 0, quarantined: 0, byRule: new Map(), unexpected: new Map() };
}

/** Adds one verdict. */
export function summarise(summary: BatchSummary, verdict: Verdict): void {
  if (verdict.kind === 'quarantine') {
    summary.quarantined += 1;
    for (const { rule } of verdict.reasons) add(summary.byRule, rule);
    return;
  }
  summary.valid += 1;
  if (verdict.unexpected === null) return;
  for (const column of new Set(verdict.unexpected.map(columnOf))) {
    if (summary.unexpected.has(column) || summary.unexpected.size < columnsMax) add(summary.unexpected, column);
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** `items[3].sku` and `items[4].sku` are one column. */
export function columnOf(path: string): string {
  return path.replace(/\[\d+\]/g, '[]');
}
