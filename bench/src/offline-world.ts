import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { FeatureViewSpec, ModelSpec, SourceSpec } from '@everloop/contracts';
import { planLookup, type LookupPlan } from '@everloop/features';
import { openDuckDb, sqlText } from '@everloop/storage';

/** EVL_BENCH_ROWS: rows of each view. */
const rowsPerView = Number(process.env['EVL_BENCH_ROWS'] ?? 10_000_000);

/** What is joined: rows to look up, views, rows of each, entities, features of each view. */
export const offlineWorld = {
  entityRows: 100_000,
  views: 3,
  rowsPerView,
  entities: 100_000,
  filesPerView: 12,
  /** Share of rows that become known up to a day after they happened. */
  late: 0.05,
  features: [
    ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'],
    ['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6'],
    ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'],
  ],
} as const;

const startMs = Date.UTC(2026, 0, 1);
const spanMs = 90 * 86_400_000;
export const ttlMs = 60 * 86_400_000;

const sourceName = (view: number): string => `source${view}`;

/** Files of a view's source, as the feature store keeps them: sorted by offset, which is the order in which records came. */
export function viewFiles(folder: string, view: number): string {
  const files = Array.from({ length: offlineWorld.filesPerView }, (_, file) =>
    sqlText(path.join(folder, sourceName(view), `${file}.parquet`)),
  );
  return `read_parquet([${files.join(', ')}])`;
}

export function spineFile(folder: string): string {
  return `read_parquet(${sqlText(path.join(folder, 'spine.parquet'))})`;
}

/** Pseudo-random in [0, 1) from a row number and a salt, the same in every run. */
const random = (salt: number): string => `(hash(i * 31 + ${salt}) % 1000003) / 1000003.0`;

/** Writes the rows of all views and the rows to look up. */
export async function makeOfflineWorld(folder: string): Promise<void> {
  const duck = await openDuckDb({ memoryLimitMib: 4_096, threads: 2, tempDir: path.join(folder, 'spill') });
  const { filesPerView, views, entities, entityRows, late, features } = offlineWorld;
  const perFile = Math.ceil(rowsPerView / filesPerView);
  for (let view = 0; view < views; view += 1) {
    mkdirSync(path.join(folder, sourceName(view)), { recursive: true });
    for (let file = 0; file < filesPerView; file += 1) {
      const from = file * perFile;
      const until = Math.min(rowsPerView, from + perFile);
      const columns = (features[view] ?? [])
        .map((name, index) => `${random(view * 100 + index + 10)} AS ${name}`)
        .join(', ');
      const time = `CAST(${startMs} + i * (${spanMs} / ${rowsPerView}.0) AS BIGINT)`;
      await duck.copyToParquet(
        `SELECT 0::INTEGER AS __partition, i AS __offset, ${time} - lag AS __time_ms, ${time} AS __known_ms, entity, ${columns} FROM (` +
          `SELECT i, 'entity-' || CAST(floor(${random(view * 100 + 1)} * ${entities}) AS BIGINT) AS entity, ` +
          `CASE WHEN ${random(view * 100 + 2)} < ${late} THEN CAST(${random(view * 100 + 3)} * 86400000 AS BIGINT) ELSE 0 END AS lag ` +
          `FROM (SELECT range AS i FROM range(${from}, ${until})))`,
        path.join(folder, sourceName(view), `${file}.parquet`),
      );
    }
  }
  await duck.copyToParquet(
    `SELECT i AS __row, CAST(${startMs} + ${random(901)} * ${spanMs} AS BIGINT) AS __as_of_ms, ` +
      `'entity-' || CAST(floor(${random(900)} * ${entities} * 1.02) AS BIGINT) AS entity FROM (SELECT range AS i FROM range(${entityRows}))`,
    path.join(folder, 'spine.parquet'),
  );
  duck.close();
}

function sourceSpec(view: number): SourceSpec {
  const number = { type: 'number', required: false } as const;
  return {
    topic: sourceName(view),
    partitions: 1,
    format: 'json',
    key: 'entity',
    eventTime: 'at',
    createdTime: 'known',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'none',
    unique: [],
    rules: [],
    fields: {
      entity: { type: 'string', required: true },
      at: { type: 'timestamp', required: true },
      known: { type: 'timestamp', required: true },
      ...Object.fromEntries((offlineWorld.features[view] ?? []).map((name) => [name, number])),
    },
  };
}

function viewSpec(view: number): FeatureViewSpec {
  return {
    source: sourceName(view),
    entity: 'entity',
    columns: offlineWorld.features[view] ?? [],
    aggregations: [],
    hopMs: 0,
    ttlMs,
    readBehindMs: 3_600_000,
    description: 'bench',
    owner: 'bench',
  };
}

/** All features of all views for one entity. */
export function offlinePlan(): LookupPlan {
  const numbers = Array.from({ length: offlineWorld.views }, (_, view) => view);
  const catalog = {
    sources: new Map(numbers.map((view) => [sourceName(view), sourceSpec(view)])),
    views: new Map(numbers.map((view) => [`v${view}`, viewSpec(view)])),
  };
  const model: Pick<ModelSpec, 'request' | 'views' | 'inputs'> = {
    request: [{ name: 'entity', type: 'string' }],
    views: numbers.map((view) => ({ view: `v${view}`, key: 'request.entity' })),
    inputs: numbers.flatMap((view) =>
      (offlineWorld.features[view] ?? []).map((name) => ({ name, type: 'number' as const, from: `v${view}.${name}` })),
    ),
  };
  return planLookup(model, catalog);
}

export function tablesOf(folder: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from({ length: offlineWorld.views }, (_, view) => [sourceName(view), viewFiles(folder, view)] as const),
  );
}
