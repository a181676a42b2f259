import type { FeatureScalar } from '@everloop/features';

import type { FeastAnswer, FeastColumn } from '../app/feast-calls.ts';
import type { FeastType } from '../domain/feast-types.ts';

/** Names of the statuses by their numbers. */
export const statusNames = ['INVALID', 'PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE'] as const;

const present = 1;
const noTime = '1970-01-01T00:00:00Z';

/** JSON of a value as Feast writes it: native numbers, booleans and lists; times in seconds. */
function jsonOf(type: FeastType, value: FeatureScalar): string {
  if (value === null) return 'null';
  switch (type) {
    case 'bool':
      return value === 0 ? 'false' : 'true';
    case 'timestamp':
      return String(Math.floor(Number(value) / 1_000));
    case 'list':
      return String(value);
    case 'double':
    case 'int64':
    case 'string':
    case 'json':
      return JSON.stringify(value);
  }
}

/** RFC 3339 with Z and no more digits than are needed, as protobuf's JSON has it. */
export function rfc3339(timeMs: number): string {
  if (!Number.isFinite(timeMs)) return noTime;
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}

function columnJson({ type, values, statuses, eventMs }: FeastColumn, rows: number): string {
  const texts: string[] = [];
  const names: string[] = [];
  const times: string[] = [];
  for (let row = 0; row < rows; row++) {
    const status = statuses === null ? present : (statuses[row] ?? 0);
    texts.push(status === present ? jsonOf(type, values[row] ?? null) : 'null');
    names.push(`"${statusNames[status] ?? 'INVALID'}"`);
    times.push(`"${eventMs === null ? noTime : rfc3339(eventMs[row] ?? Number.NaN)}"`);
  }
  return `{"values":[${texts.join()}],"statuses":[${names.join()}],"event_timestamps":[${times.join()}]}`;
}

/** The body of an answer to /get-online-features, one result per name. */
export function feastJson(answer: FeastAnswer, hasVersions: boolean): string {
  const names = JSON.stringify(answer.columns.map(({ name }) => name));
  const views = hasVersions ? `,"feature_view_metadata":${JSON.stringify(answer.views)}` : '';
  const results = answer.columns.map((column) => columnJson(column, answer.rows)).join();
  return `{"metadata":{"feature_names":${names}${views}},"results":[${results}],"status":true}`;
}
