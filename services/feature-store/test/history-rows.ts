import type { HistoryRow, HistoryTable } from '../src/ports.ts';

/* The rows that the processes of stalled-history.integration.test.ts write. */
export const historyTopic = 'stalled.valid';
export const historyTotal = 3_000;
export const historyTable: HistoryTable = {
  source: 'stalled',
  topic: historyTopic,
  partitions: 1,
  fields: [{ name: 'miles', type: 'number' }],
};

export function historyRow(offset: number): HistoryRow {
  return { offset, timeMs: 1_000 + offset, knownMs: 2_000 + offset, values: [offset / 8] };
}
