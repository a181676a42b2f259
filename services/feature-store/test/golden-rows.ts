import { features, type FeatureViewSpec, type ModelSpec, type SourceSpec } from '@everloop/contracts';
import {
  applyEvent,
  compileView,
  encodeRow,
  lookupMany,
  newRow,
  planLookup,
  pointInTimeSql,
  rowKey,
  viewEvent,
  type KnownPolicy,
  type LookupPlan,
  type RowState,
} from '@everloop/features';
import type { DuckDb, DuckRow } from '@everloop/storage';

const partitions = 3;

const source: SourceSpec = {
  topic: 'events',
  partitions,
  format: 'json',
  key: 'text',
  eventTime: 'time_ms',
  createdTime: 'known_ms',
  allowedLatenessMs: 0,
  unexpected: 'keep',
  compatibility: 'none',
  unique: [],
  rules: [],
  fields: {
    text: { type: 'string', required: true },
    entity: { type: 'string', required: true },
    value: { type: 'number', required: false },
    time_ms: { type: 'timestamp', required: true },
    known_ms: { type: 'timestamp', required: true },
  },
};

/** Reads as far back as the golden rows ask. */
const view: FeatureViewSpec = {
  source: 'events',
  entity: 'entity',
  columns: ['value', 'text'],
  aggregations: [],
  hopMs: 0,
  ttlMs: 3_600_000,
  readBehindMs: 7 * 86_400_000,
  description: 'the newest value',
  owner: 'test',
};

const model = {
  request: [{ name: 'entity', type: 'string' }],
  views: [{ view: 'v', key: 'request.entity' }],
  inputs: [
    { name: 'value', type: 'number', from: 'v.value' },
    { name: 'text', type: 'category', from: 'v.text' },
  ],
} as const satisfies Partial<ModelSpec>;

/** Everything that the golden rows ask for. */
export function goldenPlan(): LookupPlan {
  const catalog = { sources: new Map([['events', source]]), views: new Map([['v', view]]) };
  return planLookup(model, catalog);
}

/** An answer: row, value, text, and their statuses by number. */
export type GoldenRow = Readonly<
  Record<'row' | 'value' | 'value_status' | 'text' | 'text_status', number | string | null>
>;

const columns =
  'CAST(row AS INTEGER) AS row, CAST(value AS DOUBLE) AS value, CAST(value_status AS INTEGER) AS value_status, text, CAST(text_status AS INTEGER) AS text_status';

/** Golden answers of a file, in order of the rows. */
export async function goldenRows(duck: DuckDb, relation: string): Promise<readonly DuckRow[]> {
  return duck.all(`SELECT ${columns} FROM ${relation} ORDER BY row`);
}

/** What the point-in-time SQL answers over the golden events. */
export async function offlineRows(
  duck: DuckDb,
  relations: { readonly events: string; readonly spine: string },
  known: KnownPolicy,
): Promise<readonly DuckRow[]> {
  const events =
    `(SELECT CAST(part AS INTEGER) AS __partition, CAST(off AS BIGINT) AS __offset, CAST(time_ms AS BIGINT) AS __time_ms, ` +
    `CAST(known_ms AS BIGINT) AS __known_ms, text, entity, CAST(value AS DOUBLE) AS value FROM ${relations.events})`;
  const spine = `(SELECT CAST(row AS BIGINT) AS __row, CAST(as_of_ms AS BIGINT) AS __as_of_ms, entity FROM ${relations.spine})`;
  const sql = pointInTimeSql(goldenPlan(), { spine, tables: new Map([['events', events]]), known });
  return duck.all(
    `SELECT CAST(__row AS INTEGER) AS row, value, CAST(__status_0 AS INTEGER) AS value_status, text, CAST(__status_1 AS INTEGER) AS text_status ` +
      `FROM (${sql}) ORDER BY 1`,
  );
}

function statusNumber(status: features.FeatureStatus | undefined): number {
  const known = [
    features.FeatureStatus.UNSPECIFIED,
    features.FeatureStatus.PRESENT,
    features.FeatureStatus.NULL_VALUE,
    features.FeatureStatus.NOT_FOUND,
    features.FeatureStatus.OUTSIDE_MAX_AGE,
  ];
  return known.indexOf(status ?? features.FeatureStatus.UNSPECIFIED);
}

/** What the online rows answer after all golden events came, each partition in order of its offsets. */
export async function onlineRows(events: readonly DuckRow[], spine: readonly DuckRow[]): Promise<readonly GoldenRow[]> {
  const compiled = compileView('v', view, source);
  const rows = new Map<string, RowState>();
  for (const fields of events) {
    const place = { offset: Number(fields['off']), recordedMs: 0 };
    const event = viewEvent(
      compiled,
      { ...fields, time_ms: Number(fields['time_ms']), known_ms: Number(fields['known_ms']) },
      place,
    );
    if (event === null) continue;
    const key = rowKey('v', Number(fields['part']), event.key);
    const row = rows.get(key) ?? newRow(compiled);
    rows.set(key, row);
    applyEvent(compiled, row, event);
  }
  const stored = new Map([...rows].map(([key, row]) => [key, encodeRow(compiled, row)]));
  const asked = spine.map((row) => ({ asOfMs: Number(row['as_of_ms']), request: { entity: String(row['entity']) } }));
  const answers = await lookupMany(goldenPlan(), asked, async (keys) => keys.map((key) => stored.get(key) ?? null));
  return answers.map(({ values, statuses }, index) => ({
    row: Number(spine[index]?.['row']),
    value: values[0] ?? null,
    value_status: statusNumber(statuses[0]),
    text: values[1] ?? null,
    text_status: statusNumber(statuses[1]),
  }));
}
