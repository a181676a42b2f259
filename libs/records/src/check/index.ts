export { parseTimestamp } from './timestamp.ts';
export { reason, type JsonRecord, type Reason, type Verdict } from './verdict.ts';
