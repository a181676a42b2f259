export { printReport } from './print.ts';
export { readReplayCounts, type ReplayCounts } from './replay-counts.ts';
export { buildReport, runReport, type ReportOptions } from './run-report.ts';
export type * from './types.ts';
