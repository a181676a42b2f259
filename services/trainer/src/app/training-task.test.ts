import { quality, training } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { busRecord, catalogueOf, dayMs, memoryLedger, modelSpec, recordingContext, silent } from '../../test/fakes.ts';
import { jobIdOf } from '../domain/job-ids.ts';
import type { RecipeJob } from '../ports.ts';
import { createTrainingTask, type TrainingTaskOptions } from './training-task.ts';

const now = 100 * dayMs;

interface Setup {
  readonly rows?: number;
  readonly error?: Error;
  readonly over?: Partial<TrainingTaskOptions>;
}

/** A task whose every training fails with `error`; the successful way is tested with the real recipe. */
function setup({ rows = 1_000, error, over }: Setup = {}) {
  const jobs: RecipeJob[] = [];
  const options: TrainingTaskOptions = {
    catalogue: catalogueOf(modelSpec()),
    holds: { asOf: async () => ({ kind: 'known', holds: [] }) },
    telemetry: silent,
    data: {
      countLabels: async () => rows,
      freeze: async () => ({
        dataset: { contentHash: '', rows, offsets: [], fromMs: 0, untilMs: 0, uri: '', snapshotId: '' },
        path: '/data',
        checks: [],
      }),
    },
    vault: { open: async () => null },
    readDataset: async () => ({ columns: new Map(), rows: 0 }),
    recipes: {
      run: async (job) => {
        jobs.push(job);
        throw (
          error ??
          new ServiceError({ code: 'EVL_TRAINER_RECIPE_FAILED', kind: 'terminal', message: 'the recipe fell over' })
        );
      },
    },
    ledger: memoryLedger(),
    artifacts: { put: async () => '', path: () => '' },
    scorer: { load: async () => undefined, unload: async () => undefined, run: async () => new Float64Array() },
    scoreTimeoutMs: 1,
    provenance: () => ({ codeCommit: '', environment: {} }),
    signal: new AbortController().signal,
    ...over,
  };
  return { jobs, task: createTrainingTask(options) };
}

const request = (id: string, eventTimeMs = now): string =>
  JSON.stringify({ id, model: 'm', trigger: 'drift', reason: 'drifted', eventTimeMs });
const batch = (...values: string[]) => ({ topic: 't', partition: 0, records: values.map((value) => busRecord(value)) });
const eventsOf = (context: ReturnType<typeof recordingContext>) =>
  context.records.map((record) => training.JobEvent.fromJSON(JSON.parse(String(record.value))));
const shown = (context: ReturnType<typeof recordingContext>) =>
  eventsOf(context).map((event) => `${event.requestId} ${event.state.replace('JOB_STATE_', '')}`);

describe('createTrainingTask', () => {
  it('runs one job for requests of one time; each request ends once; the watermark comes last', async () => {
    const { task, jobs } = setup();
    const context = recordingContext();
    await task.onRecords(batch(request('b'), request('a'), request('a')), context);
    expect(context.records).toEqual([]);
    await task.onWatermark?.(now, context);
    expect(shown(context)).toEqual(['b SKIPPED', 'a STARTED', 'a FAILED']);
    expect(eventsOf(context)[0]?.reason).toBe(`coalesced into ${jobIdOf('a')}`);
    expect(eventsOf(context)[2]?.reason).toBe('the recipe fell over');
    expect(context.watermarks).toEqual([now]);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toMatchObject({
      jobId: jobIdOf('a'),
      recipe: 'gbdt',
      split: { train: { fromMs: 40 * dayMs, untilMs: 90 * dayMs } },
    });
  });

  it('tells what waits and since when, while it waits and while it is worked on', async () => {
    const told: string[] = [];
    const waiting = (requests: readonly { readonly model: string; readonly sinceMs: number }[]): void =>
      void told.push(requests.map(({ model, sinceMs }) => `${model} ${sinceMs}`).join());
    const { task } = setup({ over: { telemetry: { ...silent, waiting } } });
    const records = [
      { ...busRecord(request('a')), timestampMs: 7 },
      { ...busRecord(request('a')), timestampMs: 8 },
      { ...busRecord(request('later', now + dayMs)), timestampMs: 9 },
    ];
    await task.onRecords({ ...batch(), records }, recordingContext());
    await task.onWatermark?.(now, recordingContext());
    task.settled?.(true);
    task.settled?.(false);
    expect(told).toEqual(['m 7,m 9', 'm 7,m 9', 'm 9', '']);
  });

  it.each([
    ['too few rows', { rows: 99 }, /99 labelled rows/],
    ['no such Model', { over: { catalogue: catalogueOf(undefined) } }, /no Model named m/],
  ])('skips with a reason: %s', async (_name, given, reason) => {
    const { task, jobs } = setup(given);
    const context = recordingContext();
    await task.onRecords(batch(request('a'), request('b')), context);
    await task.onWatermark?.(now, context);
    expect(shown(context)).toEqual(['a SKIPPED', 'b SKIPPED']);
    for (const event of eventsOf(context)) expect(event.reason).toMatch(reason);
    expect(jobs).toEqual([]);
  });

  it('skips a later request for the same data and passes over what it cannot read', async () => {
    const { task } = setup();
    const context = recordingContext();
    await task.onRecords(batch('{', request('a')), context);
    await task.onWatermark?.(now, context);
    await task.onRecords(batch(request('late')), context);
    await task.onWatermark?.(now + 1, context);
    expect(shown(context)).toEqual(['a STARTED', 'a FAILED', 'late SKIPPED']);
    expect(eventsOf(context)[2]?.reason).toMatch(/decided already/);
  });

  it('runs nothing while state is rebuilt, and knows afterwards what was decided', async () => {
    const { task, jobs } = setup();
    const before = recordingContext(true);
    await task.onRecords(batch(request('a')), before);
    await task.onWatermark?.(now, before);
    await task.onRecords(batch(request('b', now + dayMs)), before);
    const after = recordingContext();
    await task.onWatermark?.(now + dayMs, after);
    expect(shown(after)).toEqual(['b STARTED', 'b FAILED']);
    expect(jobs).toHaveLength(1);
  });

  it('does not train again when the registry has the job, whatever became of the version', async () => {
    const gates = [{ name: 'absolute', verdict: 'pass', detail: '', champion: 0, challenger: 0.8 }];
    const version = { ...(await memoryLedger().register(versionOf(jobIdOf('a')))), stage: 'production', gates };
    const { task, jobs } = setup({ over: { ledger: memoryLedger([version]) } });
    const context = recordingContext();
    await task.onRecords(batch(request('a')), context);
    await task.onWatermark?.(now, context);
    expect(jobs).toEqual([]);
    expect(eventsOf(context)[1]).toMatchObject({
      state: training.JobState.SUCCEEDED,
      version: '1',
      versionStage: 'approved',
      gates,
    });
  });

  it('leaves out what is held, and waits for nothing that no rule judges', async () => {
    const asked: unknown[] = [];
    const hold = quality.Hold.fromPartial({
      ...{
        id: 'h',
        source: 's',
        window: 'w',
        state: quality.HoldState.OPEN,
        fromMs: 90 * dayMs,
        openedAtMs: 91 * dayMs,
      },
    });
    const frozen: unknown[] = [];
    const data: TrainingTaskOptions['data'] = {
      countLabels: async (_model, _asOfMs, exclude) => (exclude.length === 0 ? 1_000 : 600),
      freeze: async ({ exclude, ...wanted }) => {
        frozen.push(exclude);
        return await setupData().freeze({ ...wanted, exclude });
      },
    };
    const catalogue = { ...catalogueOf(modelSpec()), judgedSources: () => [{ source: 's', echoMs: 0 }] };
    const holds: TrainingTaskOptions['holds'] = {
      asOf: async (sources, timeMs) => (asked.push([sources, timeMs]), { kind: 'known', holds: [hold] }),
    };
    const { task, jobs } = setup({ over: { catalogue, data, holds } });
    await task.onRecords(batch(request('a')), recordingContext());
    await task.onWatermark?.(now, recordingContext());
    expect(asked).toEqual([[['s'], now]]);
    expect(frozen).toEqual([[{ fromMs: 90 * dayMs, untilMs: now, reason: 'hold h of s/w' }]]);
    expect(jobs).toHaveLength(1);
  });

  it.each([
    [
      'too little is left',
      99,
      { kind: 'known' },
      /99 labelled rows, at least 100 .*; 901 more are held: hold h of s\/w since/,
    ],
    [
      'the judge is behind',
      600,
      { kind: 'behind', sources: ['s'] },
      /^deferred: the windows of s are not judged up to/,
    ],
  ] as const)('skips with a reason when %s', async (_name, left, answer, reason) => {
    const hold = quality.Hold.fromPartial({
      ...{
        id: 'h',
        source: 's',
        window: 'w',
        state: quality.HoldState.OPEN,
        fromMs: dayMs,
        openedAtMs: 2 * dayMs,
        rules: ['r'],
      },
    });
    const catalogue = { ...catalogueOf(modelSpec()), judgedSources: () => [{ source: 's', echoMs: 0 }] };
    const holds: TrainingTaskOptions['holds'] = {
      asOf: async () => (answer.kind === 'known' ? { kind: 'known', holds: [hold] } : answer),
    };
    const data = {
      ...setupData(),
      countLabels: async (_m: string, _t: number, ex: readonly unknown[]) => (ex.length === 0 ? 1_000 : left),
    };
    const { task, jobs } = setup({ over: { catalogue, data, holds } });
    const context = recordingContext();
    await task.onRecords(batch(request('a')), context);
    await task.onWatermark?.(now, context);
    expect(shown(context)).toEqual(['a SKIPPED']);
    expect(eventsOf(context)[0]?.reason).toMatch(reason);
    expect(jobs).toEqual([]);
  });

  it('goes back to the last commit when a service is away or the trainer stops', async () => {
    const away = setup({ error: new ServiceError({ code: 'EVL_X', kind: 'retryable', message: 'away' }) });
    await away.task.onRecords(batch(request('a')), recordingContext());
    await expect(away.task.onWatermark?.(now, recordingContext())).rejects.toThrow('away');
    const stopping = new AbortController();
    stopping.abort();
    const stopped = setup({ error: new Error('killed'), over: { signal: stopping.signal } });
    await stopped.task.onRecords(batch(request('a')), recordingContext());
    await expect(stopped.task.onWatermark?.(now, recordingContext())).rejects.toThrow('killed');
  });

  it('asks for the first version when its trigger has enough rows, once a day, until there is one', async () => {
    const asked: number[] = [];
    const data = {
      ...setupData(),
      countLabels: async (_model: string, asOfMs: number) => (asked.push(asOfMs), (asOfMs / dayMs) * 10),
    };
    const catalogue = catalogueOf(modelSpec({ training: { minRows: 50 } }), { model: 'm', rows: 1_005 });
    const { task, jobs } = setup({ over: { catalogue, data } });
    const context = recordingContext();
    for (const hours of [0, 6, 12, 18, 24]) await task.onWatermark?.(now + hours * 3_600_000, context);
    // Day 100 has 1,000 rows, day 101 has 1,010; the second question of day 101 is the decision itself.
    expect(asked).toEqual([now, now + dayMs, now + dayMs]);
    expect(eventsOf(context).map((event) => [event.trigger, event.eventTimeMs])).toEqual([
      ['rows', now + dayMs],
      ['rows', now + dayMs],
    ]);
    expect(jobs).toHaveLength(1);
  });
});

function setupData(): TrainingTaskOptions['data'] {
  return {
    countLabels: async () => 0,
    freeze: async () => ({
      dataset: { contentHash: '', rows: 0, offsets: [], fromMs: 0, untilMs: 0, uri: '', snapshotId: '' },
      path: '',
      checks: [],
    }),
  };
}

function versionOf(jobId: string) {
  return {
    ...{
      model: 'm',
      version: '',
      stage: 'approved',
      dataset: undefined,
      parameters: {},
      metrics: {},
      gates: [],
      artifacts: [],
    },
    ...{
      parentVersion: '',
      trigger: '',
      jobId,
      codeCommit: '',
      environment: {},
      eventTimeMs: now,
      seed: 0,
      modelRevision: 1,
    },
  };
}
