/** One run of one path of the offline benchmark in a process of its own: `<path> <folder> <memory limit, MiB>`; prints one JSON line. */
import path from 'node:path';
import { pointInTimeSql, type KnownPolicy } from '@everloop/features';
import { openDuckDb } from '@everloop/storage';
import type { OfflinePath, OfflineRun } from './features-offline.ts';
import { offlinePlan, offlineWorld, spineFile, tablesOf, ttlMs, viewFiles } from './offline-world.ts';

/** The join that DuckDB offers for this question, and the time to live: nothing of ties, of what was known, or of statuses. */
function asofSql(folder: string): string {
  const numbers = Array.from({ length: offlineWorld.views }, (_, view) => view);
  const columns = numbers.flatMap((view) =>
    (offlineWorld.features[view] ?? []).map(
      (name) => `, CASE WHEN v${view}.__time_ms >= s.__as_of_ms - ${ttlMs} THEN v${view}.${name} END AS ${name}`,
    ),
  );
  const joins = numbers.map(
    (view) =>
      ` ASOF LEFT JOIN ${viewFiles(folder, view)} v${view} ON s.entity = v${view}.entity AND s.__as_of_ms >= v${view}.__time_ms`,
  );
  return `SELECT s.__row${columns.join('')} FROM ${spineFile(folder)} s${joins.join('')}`;
}

function oursSql(folder: string, known: KnownPolicy): string {
  return pointInTimeSql(offlinePlan(), { spine: spineFile(folder), tables: tablesOf(folder), known });
}

const which = process.argv[2] as OfflinePath;
const folder = process.argv[3] ?? '';
const duck = await openDuckDb({
  memoryLimitMib: Number(process.argv[4]),
  threads: 2,
  tempDir: path.join(folder, `spill-${which}`),
});
const from = process.cpuUsage();
const startedAt = performance.now();
await duck.copyToParquet(
  which === 'asof' ? asofSql(folder) : oursSql(folder, which === 'ours' ? 'bitemporal' : 'latest'),
  path.join(folder, `${which}.parquet`),
);
const seconds = (performance.now() - startedAt) / 1_000;
const used = process.cpuUsage(from);
const [counted] = await duck.all(
  `SELECT count(*) AS n FROM read_parquet('${path.join(folder, `${which}.parquet`).replaceAll("'", "''")}')`,
);
duck.close();
const run: OfflineRun = {
  seconds,
  cpuSeconds: (used.user + used.system) / 1e6,
  peakMib: Math.round(process.resourceUsage().maxRSS / 1_024),
  rows: Number(counted?.['n']),
};
console.log(JSON.stringify(run));
