import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drift, inFixedHoldout, type registry } from '@everloop/contracts';
import { decodeCategories, decodeGolden } from '@everloop/features';
import { createModelHost } from '@everloop/onnx';
import { createLogger, ServiceError } from '@everloop/service';
import { createObjectStore, openDuckDb, readParquetColumns } from '@everloop/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecipeFolder } from '../src/adapters/recipe-folder.ts';
import { train, type TrainingDependencies } from '../src/app/train.ts';
import { nothingHeld } from '../src/domain/holds.ts';
import type { TrainingRequest } from '../src/domain/requests.ts';
import { dayMs, memoryLedger, modelSpec } from './fakes.ts';
import { createSyntheticTable, freeze } from './synthetic.ts';

const host = createModelHost({ name: 'test', logger: createLogger({ service: 'test', level: 'silent' }) });
let dir = '';
let database: Awaited<ReturnType<typeof openDuckDb>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-trainer-'));
  database = await openDuckDb({ threads: 1 });
  await createSyntheticTable(database, 90, 45);
  await host.start();
}, 60_000);

afterAll(async () => {
  database.close();
  await host.stop();
  await rm(dir, { recursive: true, force: true });
});

function setup(versions: registry.ModelVersion[] = []) {
  const ledger = memoryLedger(versions);
  const store = createObjectStore(join(dir, 'objects'));
  const deps: TrainingDependencies = {
    data: {
      countLabels: async () => 0,
      freeze: async ({ fromMs, untilMs }) => {
        const path = join(dir, `${fromMs}-${untilMs}.parquet`);
        await freeze(database, path, fromMs, untilMs);
        return {
          checks: [],
          dataset: { contentHash: 'h', rows: 1, offsets: [], fromMs, untilMs, uri: path, snapshotId: '' },
          path,
        };
      },
    },
    vault: { open: async () => null },
    readDataset: (path) => readParquetColumns(path, { threads: 1 }),
    recipes: createRecipeFolder({
      recipesDir: fileURLToPath(new URL('../../../recipes', import.meta.url)),
      jobsDir: join(dir, 'jobs'),
      memoryMib: 1_024,
      uid: null,
      onLine: () => undefined,
    }),
    ledger,
    artifacts: store,
    scorer: host,
    scoreTimeoutMs: 20_000,
    provenance: () => ({ codeCommit: 'abc', environment: { node: process.version } }),
    signal: new AbortController().signal,
  };
  return { deps, ledger, store };
}

const clean = (cleanRows: number) => ({ held: nothingHeld, cleanRows });
const spec = modelSpec({ training: { windowMs: 40 * dayMs, timeHoldoutMs: 8 * dayMs } });
const pins = { featureService: 'trips@1', featureServiceDigest: 'd' };
const model = { name: 'm', revision: 4, spec, pins };
const request = (day: number): TrainingRequest => ({
  id: `r${day}`,
  model: 'm',
  trigger: 'drift',
  reason: '',
  eventTimeMs: day * dayMs,
});
const gatesOf = (version: registry.ModelVersion) => version.gates.map((gate) => `${gate.name} ${gate.verdict}`);

describe('train', { timeout: 180_000 }, () => {
  it('promotes a first version by the absolute gate, the next one only when it is better, and nothing twice', async () => {
    const { deps, ledger, store } = setup();
    const first = (await train(deps, request(42), model, clean(4_000))).version;
    expect(gatesOf(first)).toEqual(['absolute pass']);
    expect(first).toMatchObject({
      version: '1',
      stage: 'approved',
      modelRevision: 4,
      codeCommit: 'abc',
      parentVersion: '',
      seed: 3,
    });
    expect(first.parameters).toMatchObject(pins);
    expect(first.metrics).toMatchObject({ labelled_rows: 4_000 });
    expect(first.metrics['time_holdout.auc']).toBeGreaterThan(0.75);
    expect(first.artifacts.map(({ name }) => name)).toEqual([
      'model.onnx',
      'baseline.json',
      'history.pb',
      'metrics.json',
      'golden.json',
      'categories.json',
    ]);
    expect(decodeCategories(await store.get(first.artifacts[5]?.digest ?? ''))).toEqual([
      { field: 'carrier', count: 5, values: ['C0', 'C1', 'C2', 'C3', 'C4'] },
    ]);
    const golden = decodeGolden(await store.get(first.artifacts[4]?.digest ?? ''));
    expect(golden.inputs).toEqual(['carrier', 'x', 'y']);
    expect(golden.rows).toHaveLength(100);
    for (const { request: asked, features, inputs, score } of golden.rows) {
      expect(inputs).toEqual([asked['carrier'], asked['x'], asked['y']]);
      expect(asked['id']).toMatch(/./);
      expect(features).toEqual({});
      expect(score).toBeGreaterThan(0);
    }
    const stored = await store.get(first.artifacts[1]?.digest ?? '');
    const baseline = drift.Baseline.fromJSON(JSON.parse(stored.toString()));
    expect(baseline.fields.map(({ field }) => field)).toEqual([
      ...['x', 'y', 'carrier', 'gate.verdict', 'attribution.x', 'attribution.y', 'attribution.carrier', 'score'],
    ]);

    // A day later the world is the same: a challenger cannot be surely better.
    ledger.all[0] = { ...first, stage: 'production' };
    const same = (await train(deps, request(43), model, clean(4_000))).version;
    expect(same).toMatchObject({ version: '2', stage: 'rejected', parentVersion: '1' });
    expect(gatesOf(same)[0]).toBe('absolute pass');
    expect(gatesOf(same)[1]).not.toBe('recent pass');

    // Long after the change the challenger knows the new world and the champion does not.
    const better = (await train(deps, request(89), model, clean(8_000))).version;
    expect(gatesOf(better)).toEqual(['absolute pass', 'recent pass', 'fixed pass']);
    expect(better).toMatchObject({ version: '3', stage: 'approved', parentVersion: '1' });
    expect(better.metrics['champion.time_holdout.auc']).toBeLessThan(0.5);

    expect(await train(deps, request(89), model, clean(8_000))).toMatchObject({
      isNew: false,
      version: { version: '3' },
    });
    expect(ledger.all).toHaveLength(3);
  });

  it('gives the same model bytes for the same data', async () => {
    const digests: string[][] = [];
    for (const { deps } of [setup(), setup()]) {
      const { version } = await train(deps, request(42), model, clean(1));
      digests.push(version.artifacts.map(({ digest }) => digest));
    }
    expect(digests[0]).toEqual(digests[1]);
  });

  it('judges without a champion whose file is corrupt, and approves nothing so', async () => {
    const { deps, ledger, store } = setup();
    const { version } = await train(deps, request(42), model, clean(1));
    await writeFile(store.path(version.artifacts[0]?.digest ?? ''), 'scribble');
    ledger.all[0] = { ...version, stage: 'production' };
    const next = (await train(deps, request(89), model, clean(1))).version;
    expect(gatesOf(next)).toEqual(['absolute pass', 'recent inconclusive', 'fixed inconclusive']);
    expect(next.gates[1]?.detail).toMatch(/version 1: Model file .* is corrupt/);
    expect(next.stage).toBe('rejected');
    await rm(store.path(version.artifacts[0]?.digest ?? ''));
  });

  it('gives a job up whose model brings the runtime down, instead of repeating it for ever', async () => {
    const { deps } = setup();
    const crash = new ServiceError({ code: 'EVL_ONNX_HOST_CRASHED', kind: 'retryable', message: 'ended with SIGSEGV' });
    const scorer: TrainingDependencies['scorer'] = {
      load: () => Promise.reject(crash),
      unload: () => Promise.reject(crash),
      run: () => Promise.reject(crash),
    };
    await expect(train({ ...deps, scorer }, request(42), model, clean(1))).rejects.toMatchObject({
      code: 'EVL_TRAINER_EVALUATION_FAILED',
      kind: 'terminal',
      message: expect.stringMatching(/SIGSEGV/),
    });
  });

  it('refuses a recipe whose model is not the one it trained', async () => {
    const { deps } = setup();
    const recipes: TrainingDependencies['recipes'] = {
      run: async (job, signal) => {
        const result = await deps.recipes.run(job, signal);
        return { ...result, sample: result.sample.map((row) => ({ ...row, score: row.score + 1e-4 })) };
      },
    };
    await expect(train({ ...deps, recipes }, request(42), model, clean(1))).rejects.toMatchObject({
      code: 'EVL_TRAINER_PARITY_FAILED',
    });
    expect(host.status().models).toEqual([]);
  });

  it('trains without the rows of the fixed holdout, and judges on them', async () => {
    const { deps, ledger } = setup();
    const whole = (await train(deps, request(42), model, clean(1))).version;
    const [held, open] = [[], []] as string[][];
    for (const row of await database.all('SELECT __join_key AS k FROM d'))
      (inFixedHoldout(String(row['k']), 10, 's') ? held : open)?.push(String(row['k']));
    const list = (keys: readonly string[] | undefined): string => (keys ?? []).map((key) => `'${key}'`).join(',');
    const seen: string[] = [];
    const opened: string[] = [];
    const parted: TrainingDependencies = {
      ...deps,
      data: {
        ...deps.data,
        freeze: async (wanted) => {
          const made = await deps.data.freeze(wanted);
          const path = `${made.path}.open`;
          const kept = `SELECT * FROM read_parquet('${made.path}') WHERE __join_key IN (${list(open)}) ORDER BY __time_ms`;
          await database.copyToParquet(kept, path);
          return { ...made, dataset: { ...made.dataset, snapshotId: 'snapshot' }, path };
        },
      },
      recipes: {
        run: async (job, signal) => {
          const { columns } = await readParquetColumns(job.datasetPath);
          seen.push(...(columns.get('__join_key')?.values as string[]));
          expect(opened).toEqual([]);
          return deps.recipes.run(job, signal);
        },
      },
      vault: {
        open: async (snapshotId, purpose) => {
          opened.push(`${snapshotId} ${purpose}`);
          return database.columns(
            `SELECT * FROM d WHERE __time_ms >= ${2 * dayMs} AND __time_ms < ${42 * dayMs} AND __join_key IN (${list(held)}) ORDER BY __time_ms`,
          );
        },
      },
    };
    ledger.all.length = 0;
    const version = (await train(parted, request(42), model, clean(1))).version;
    expect(seen.length).toBeGreaterThan(3_000);
    expect(seen.filter((key) => inFixedHoldout(key, 10, 's'))).toEqual([]);
    expect(opened).toEqual([`snapshot evaluation of job ${version.jobId}`]);
    // The same model and the same numbers as when the trainer saw everything.
    expect(version.artifacts[0]?.digest).toBe(whole.artifacts[0]?.digest);
    expect(version.metrics['fixed_holdout.log_loss']).toBe(whole.metrics['fixed_holdout.log_loss']);
    expect(version.metrics['fixed_holdout.rows'] ?? 1).toBe(whole.metrics['fixed_holdout.rows'] ?? 1);
  });

  it('refuses a training set that leaks, and shows the rows', async () => {
    const { deps } = setup();
    const leak = { check: 'targetLeak', verdict: 'fail', detail: 'x tells the label', examples: ['{"joinKey":"k1"}'] };
    const fine = { check: 'duplicates', verdict: 'warn', detail: 'some', examples: ['{"joinKey":"k2"}'] };
    const withChecks = (checks: (typeof leak)[]): TrainingDependencies['data'] => ({
      ...deps.data,
      freeze: async (wanted) => ({ ...(await deps.data.freeze(wanted)), checks }),
    });
    const refused = train({ ...deps, data: withChecks([fine, leak]) }, request(42), model, clean(1));
    await expect(refused).rejects.toMatchObject({
      code: 'EVL_TRAINER_DATASET_REFUSED',
      kind: 'terminal',
      message: expect.stringMatching(/targetLeak: x tells the label\n {2}for example {"joinKey":"k1"}/),
    });
    await expect(refused).rejects.not.toThrow(/k2/);
    expect((await train({ ...deps, data: withChecks([fine]) }, request(42), model, clean(1))).isNew).toBe(true);
  });
});
