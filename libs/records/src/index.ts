export { compileSource, type CheckLimits, type RecordCheck } from './check/compile-source.ts';
export { parseTimestamp } from './check/timestamp.ts';
export type { Reason, Verdict } from './check/verdict.ts';
