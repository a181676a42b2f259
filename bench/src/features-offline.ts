import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '@everloop/local';
import { openDuckDb, sqlText } from '@everloop/storage';
import { makeOfflineWorld, offlineWorld } from './offline-world.ts';
import { median } from './quantiles.ts';
import type { BenchResult } from './result.ts';

const rounds = 3;

/** Most memory of DuckDB in each run, MiB; beyond it both spill to the disk. */
const memoryLimitMib = 6_144;

/** What one run of one query in a process of its own took. */
export interface OfflineRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Peak memory of the process, MiB. */
  readonly peakMib: number;
  readonly rows: number;
}

export type OfflinePath = 'ours' | 'ours-latest' | 'asof';

/** Runs a path in a new process, so that its peak memory is its own. */
async function runOnce(which: OfflinePath, folder: string): Promise<OfflineRun> {
  const program = path.join(import.meta.dirname, 'offline-run.ts');
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, which, folder, String(memoryLimitMib)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the run of ${which} ended with ${String(code)}`);
  const run = JSON.parse(output) as OfflineRun;
  console.error(`${which}: ${run.seconds.toFixed(2)} s, ${run.cpuSeconds.toFixed(2)} CPU s, ${run.peakMib} MiB`);
  return run;
}

/** How many of the cells of the two results differ; both answered the same question where no row was late. */
async function compare(folder: string): Promise<void> {
  const duck = await openDuckDb({ memoryLimitMib: 2_048, threads: 2 });
  const [ours, asof] = (['ours-latest', 'asof'] as const).map((which) => path.join(folder, `${which}.parquet`));
  const names = offlineWorld.features.flat().join(', ');
  const rows = (file: string | undefined) => `(SELECT __row, ${names} FROM read_parquet(${sqlText(file ?? '')}))`;
  const [counts] = await duck.all(`SELECT count(*) AS n FROM (FROM ${rows(ours)} EXCEPT FROM ${rows(asof)})`);
  duck.close();
  if (Number(counts?.['n']) !== 0) throw new Error(`${String(counts?.['n'])} rows differ from the bare join's`);
}

/**
 * Seconds of our point-in-time query over three views beside a bare ASOF join of DuckDB on the same Parquet files, each in a process of its
 * own, alternating; `ratio` is the bare join's time over ours (1 is as fast, 0.67 is 1.5 times as long).
 */
export async function benchFeaturesOffline(): Promise<BenchResult> {
  mkdirSync(cacheFolder(), { recursive: true });
  const folder = process.env['EVL_BENCH_FOLDER'] ?? mkdtempSync(path.join(cacheFolder(), 'bench-offline-'));
  try {
    if (!existsSync(path.join(folder, 'spine.parquet'))) await makeOfflineWorld(folder);
    const measured: Record<OfflinePath, OfflineRun[]> = { ours: [], 'ours-latest': [], asof: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const which of ['asof', 'ours', 'ours-latest'] as const) measured[which].push(await runOnce(which, folder));
    }
    await compare(folder);
    const seconds = (which: OfflinePath): number =>
      Number(median(measured[which].map((run) => run.seconds)).toFixed(2));
    const peak = (which: OfflinePath): number => median(measured[which].map((run) => run.peakMib));
    return {
      bench: 'features-offline',
      ours: seconds('ours'),
      limit: seconds('asof'),
      ratio: Number((seconds('asof') / seconds('ours')).toFixed(2)),
      unit: 's',
      detail: {
        limit: 'bare DuckDB ASOF LEFT JOIN per view on the same Parquet files',
        world: offlineWorld,
        timesAsLong: Number((seconds('ours') / seconds('asof')).toFixed(2)),
        peakMib: { ours: peak('ours'), limit: peak('asof') },
        memoryLimitMib,
        rounds: measured,
      },
    };
  } finally {
    if (process.env['EVL_BENCH_FOLDER'] === undefined) rmSync(folder, { recursive: true, force: true });
  }
}
