import { drift } from '@everloop/contracts';
import { expect, test } from 'vitest';
import type { Dataset } from './dataset.ts';
import { buildHistory } from './history.ts';
import { buildBaseline } from './results.ts';

const hour = 3_600_000;
const rows = 300;
const dataset: Dataset = {
  rows,
  columns: [
    {
      name: 'temp',
      type: 'number',
      values: Float32Array.from({ length: rows }, (_, i) => (i % 50 === 0 ? Number.NaN : (i * 37) % 101)),
    },
    { name: 'carrier', type: 'category', values: Array.from({ length: rows }, (_, i) => ['a', 'b', ''][i % 3] ?? '') },
  ],
  joinKeys: [],
  timesMs: Float64Array.from({ length: rows }, (_, i) => (rows - i) * 600_000),
  groups: null,
  labels: new Uint8Array(rows),
};
const trainRows = Int32Array.from({ length: 250 }, (_, i) => i);
const scored = { rows: Int32Array.from([1, 5, 9]), scores: Float64Array.from([0.1, 0.2, 0.3]) };
const job = {
  model: 'm',
  inputs: [
    { name: 'temp', type: 'number' as const },
    { name: 'carrier', type: 'category' as const },
  ],
  embeddings: [],
};
const baseline = buildBaseline(job, dataset, trainRows, { scores: scored.scores, importances: new Float64Array(2) });
const history = buildHistory(baseline, dataset, trainRows, scored);

test('hours in the order of time, which add up to the baseline', () => {
  const starts = history.panes.map(({ startMs }) => startMs);
  expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
  expect(history.panes.every(({ startMs, widthMs }) => startMs % hour === 0 && widthMs === hour)).toBe(true);
  expect(history.panes.reduce((sum, pane) => sum + pane.rows, 0)).toBe(baseline.rows);
  for (const reference of baseline.fields) {
    const counts = reference.counts.map(() => 0);
    let missing = 0;
    for (const pane of history.panes) {
      const own = pane.fields.find(({ field }) => field === reference.field);
      own?.bins.forEach((bin, i) => (counts[bin] = (counts[bin] ?? 0) + (own.counts[i] ?? 0)));
      missing += own?.missing ?? 0;
    }
    expect({ field: reference.field, counts, missing }).toEqual({
      field: reference.field,
      counts: reference.counts,
      missing: reference.missing,
    });
  }
});

test('comes through its bytes unchanged', () => {
  expect(drift.History.decode(drift.History.encode(history).finish())).toEqual(history);
});
