import { drift, driftEventTypes, topics, type MonitorSpec } from '@everloop/contracts';
import { prepareBaseline, type Baseline, type NamedMonitor } from '@everloop/drift';
import { hour, monitor } from '@everloop/drift/fixtures';
import { baselineMessageOf, budgeted, simulatedPanes } from '@everloop/drift/simulated';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createTelemetry } from '../telemetry.ts';
import { createPlanner, type Planner } from './planner.ts';
import { createPlans } from './plans.ts';
import { createReferences } from './references.ts';
import { createWindowTask, type WindowTask } from './window-task.ts';

const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('drift-detector'));
const calm = simulatedPanes({ hours: 60, rows: 300, seed: 1 });
const restless = simulatedPanes({ ...{ hours: 60, rows: 300, seed: 4 }, low: (h) => (h % 24 < 12 ? 0.1 : 0.9) });
const live = simulatedPanes({ hours: 6, rows: 300, seed: 9 });

/** What the versions have; of those that are not here there is no baseline. */
const world = {
  baselines: {
    get: async (_model: string, version: string): Promise<Baseline | null> =>
      version === 'none' ? null : prepareBaseline({ ...baselineMessageOf(calm), modelVersion: version }),
  },
  histories: {
    get: async ({ version }: Baseline): Promise<readonly drift.Pane[] | null> =>
      version === 'restless' ? restless : version === 'bare' ? null : calm,
  },
};

/** The planner, and what it was asked for. */
function asked(): { readonly planner: Planner; readonly calls: string[] } {
  const real = createPlanner(world.baselines, world.histories);
  const calls: string[] = [];
  return {
    calls,
    planner: {
      of(monitor, version) {
        calls.push(`${monitor.name} ${monitor.revision} ${version}`);
        return real.of(monitor, version);
      },
    },
  };
}

function contextOf(out: OutRecord[]): TaskContext {
  return {
    ...{ partition: 0, replaying: false, emit: (record: OutRecord) => void out.push(record) },
    emitWatermark: () => undefined,
  };
}

function recordOf({ key, value }: OutRecord): BusRecord {
  const bytes = value === null ? null : Buffer.from(value);
  return { topic: '', partition: 0, offset: 0n, key: Buffer.from(String(key)), value: bytes, headers: {}, timestampMs: 0 }; // prettier-ignore
}

interface Detector {
  readonly out: OutRecord[];
  /** An hour of predictions of a version under the Monitors, and its end. */
  live(at: number, version: string, monitors?: readonly NamedMonitor[]): Promise<void>;
  /** Begins anew with the changelog alone. */
  restart(planner: Planner): void;
}

function detectorOf(planner: Planner): Detector {
  const references = createReferences({ ...world, phasesMax: 1 });
  const out: OutRecord[] = [];
  let applied: readonly NamedMonitor[] = [];
  const begin = (by: Planner): WindowTask =>
    createWindowTask({ references, planner: by, telemetry, monitors: () => applied });
  let task = begin(planner);
  return {
    out,
    async live(at, version, monitors = [budgeted()]) {
      applied = monitors;
      const pane = { ...(live[at % live.length] ?? drift.Pane.fromPartial({})), startMs: at * hour, baselineVersion: version }; // prettier-ignore
      const record = recordOf({ topic: topics.driftPane, key: 'm', value: Buffer.from(drift.Pane.encode(pane).finish()) }); // prettier-ignore
      await task.onRecords({ topic: topics.driftPane, partition: 0, records: [record] }, contextOf(out));
      await task.onWatermark?.((at + 1) * hour, contextOf(out));
      await task.flush?.(contextOf(out));
    },
    restart(by) {
      const newest = new Map(out.filter(({ topic }) => topic === topics.driftState).map((one) => [one.key, one]));
      task = begin(by);
      task.restore([...newest.values()].map(recordOf));
    },
  };
}

const decoded = <T>({ value }: OutRecord, read: (json: unknown) => T): T => read(JSON.parse(String(value)));
const reportsOf = ({ out }: Detector): readonly drift.DriftReport[] =>
  out
    .filter(({ topic }) => topic === topics.driftReport)
    .map((one) => decoded(one, (json) => drift.DriftReport.fromJSON(json)));
const plansOf = ({ out }: Detector): readonly (readonly [string, drift.AlarmPlan | null])[] =>
  out
    .filter(({ topic }) => topic === topics.driftPlan)
    .map((one) => [
      String(one.key),
      one.value === null ? null : decoded(one, (json) => drift.AlarmPlan.fromJSON(json)),
    ]);

describe('a Monitor with a budget', () => {
  test('is calibrated once for a version, before its first report, and judged by its plan', async () => {
    const { planner, calls } = asked();
    const detector = detectorOf(planner);
    for (const [at, version] of ['1', '1', '2', '1'].entries()) await detector.live(at, version);
    expect(calls).toEqual(['watch 1 1', 'watch 1 2']);
    const told = detector.out.filter(({ topic }) => topic === topics.driftPlan || topic === topics.driftReport);
    expect(told.map(({ topic }) => topic.split('.')[2])).toEqual('plan report report plan report report'.split(' '));
    expect(told[0]).toMatchObject({
      ...{ key: 'watch/1', partition: 0 },
      headers: { ce_type: driftEventTypes.planned, ce_subject: 'm', ce_time: '1970-01-01T01:00:00.000Z' },
    });
    const plans = new Map(plansOf(detector).map(([key, plan]) => [key, plan]));
    expect([...plans.values()].map((plan) => plan?.status)).toEqual(['calibrated', 'calibrated']);
    for (const report of reportsOf(detector)) {
      const plan = plans.get(`watch/${report.baselineVersion}`);
      expect(report.policy).toEqual(plan?.policy);
      expect(report.policy?.planId).toBe(plan?.id);
      expect(report.policy?.planId).not.toBe('');
    }
  });

  test('keeps its plan over a restart: the same reports, and nothing is calibrated again', async () => {
    const run = async (restarts: boolean): Promise<Detector> => {
      const detector = detectorOf(asked().planner);
      for (let at = 0; at < 4; at += 1) {
        await detector.live(at, '1');
        if (restarts)
          detector.restart({
            of: () => Promise.reject(new Error('it was calibrated before, and is calibrated again')),
          });
      }
      return detector;
    };
    const [undisturbed, restarted] = [await run(false), await run(true)];
    expect(restarted.out).toEqual(undisturbed.out);
    expect(plansOf(restarted)).toHaveLength(1);
  });

  test('is calibrated again for its next revision', async () => {
    const { planner, calls } = asked();
    const detector = detectorOf(planner);
    await detector.live(0, '1');
    await detector.live(1, '1', [{ ...budgeted({ raise: { windows: 3, of: 4 } }), revision: 2 }]);
    await detector.live(2, '1', [{ ...budgeted({ raise: { windows: 3, of: 4 } }), revision: 2 }]);
    expect(calls).toEqual(['watch 1 1', 'watch 2 1']);
    const plans = plansOf(detector);
    expect(plans.map(([key, plan]) => [key, plan?.monitorRevision])).toEqual([
      ['watch/1', 1],
      ['watch/1', 2],
    ]);
    expect(plans[1]?.[1]?.id).not.toBe(plans[0]?.[1]?.id);
    expect(reportsOf(detector).map(({ policy }) => policy?.planId)).toEqual([
      ...[plans[0]?.[1]?.id, plans[1]?.[1]?.id, plans[1]?.[1]?.id],
    ]);
  });

  test.each<[string, string, Partial<MonitorSpec>, RegExp]>([
    [
      'without a history',
      'bare',
      {},
      /^version bare has no usable history\.pb; windows are judged by the Monitor's own/,
    ],
    [
      'with too few rows in it',
      '1',
      { minRows: 400 },
      /^the history has 0 windows .* judged by the Monitor's own values$/,
    ],
  ])('%s it is judged by its own values, and asked again with the next version', async (_, version, spec, reason) => {
    const { planner, calls } = asked();
    const detector = detectorOf(planner);
    for (const at of [0, 1, 2]) await detector.live(at, version, [budgeted(spec)]);
    expect(calls).toEqual([`watch 1 ${version}`]);
    expect(plansOf(detector)).toMatchObject([[`watch/${version}`, { status: 'unknown' }]]);
    expect(plansOf(detector)[0]?.[1]?.reason).toMatch(reason);
    for (const { policy } of reportsOf(detector)) expect(policy).toMatchObject({ psi: 0.1, raiseOf: 1, planId: '' });
    await detector.live(3, '3', [budgeted(spec)]);
    expect(calls).toHaveLength(2);
  });

  test('that nothing keeps is judged by what comes nearest', async () => {
    const detector = detectorOf(asked().planner);
    await detector.live(0, 'restless');
    const plan = plansOf(detector)[0]?.[1];
    expect(plan?.status).toBe('over-budget');
    expect(plan?.reason).toContain('windows are judged by the nearest, ');
    expect(reportsOf(detector)[0]?.policy).toEqual(plan?.policy);
    expect(reportsOf(detector)[0]?.policy?.planId).toBe(plan?.id);
  });
});

describe('a plan that is foreseen', () => {
  const rows = { model: 'm', baselineVersion: '1' };

  test('is begun with the first rows of a version, once, and is there when the window closes', () => {
    const { planner, calls } = asked();
    const plans = createPlans(planner, () => undefined);
    const others = [budgeted({ model: 'other' }), monitor({ windowMs: hour })];
    for (let i = 0; i < 3; i += 1) plans.foresee([budgeted(), ...others], rows);
    plans.foresee([budgeted()], { ...rows, baselineVersion: '' });
    expect(calls).toEqual(['watch 1 1']);
    plans.foresee([{ ...budgeted(), revision: 2 }], rows);
    expect(calls).toEqual(['watch 1 1', 'watch 2 1']);
  });

  test('is tried again when the window closes, if it failed', async () => {
    const { planner } = asked();
    let failures = 0;
    const plans = createPlans(
      {
        of(one, version) {
          failures += 1;
          return failures === 1 ? Promise.reject(new Error('the registry is away')) : planner.of(one, version);
        },
      },
      () => undefined,
    );
    plans.foresee([budgeted()], rows);
    const counts = drift.Pane.fromPartial(rows);
    const window = { monitor: budgeted(), counts, startMs: 0, endMs: 1, carried: 0, lateRows: 0, watermarkMs: 0 };
    const out: OutRecord[] = [];
    const policy = await plans.policyOf(window, contextOf(out));
    expect(policy.planId).not.toBe('');
    expect(out.map(({ topic }) => topic)).toEqual([topics.driftPlan, topics.driftState]);
  });
});

describe('no plan', () => {
  test('without a budget, and none for a version without a baseline', async () => {
    const { planner, calls } = asked();
    const detector = detectorOf(planner);
    const { budget, ...spec } = budgeted().spec;
    expect(budget).toBeDefined();
    await detector.live(0, '1', [{ name: 'watch', revision: 1, spec }]);
    await detector.live(1, 'none');
    // Once when its rows come, and once more when their window is due: a baseline may be written after the first prediction.
    expect(calls).toEqual(['watch 1 none', 'watch 1 none']);
    expect(plansOf(detector)).toEqual([]);
    expect(reportsOf(detector).map(({ policy }) => policy?.planId)).toEqual(['', '']);
  });

  test.each<[string, readonly NamedMonitor[]]>([
    ['is no longer applied', []],
    ['has no budget any more', [monitor({ windowMs: hour, minRows: 100 })]],
    ['watches another model', [budgeted({ model: 'other' })]],
  ])('of a Monitor that %s: it is forgotten', async (_, monitors) => {
    const { planner, calls } = asked();
    const detector = detectorOf(planner);
    await detector.live(0, '1');
    await detector.live(1, '1', monitors);
    expect(plansOf(detector).map(([key, plan]) => [key, plan === null])).toEqual([
      ['watch/1', false],
      ['watch/1', true],
    ]);
    detector.restart(planner);
    await detector.live(2, '1');
    expect(calls).toEqual(['watch 1 1', 'watch 1 1']);
  });
});

test('plans of the versions that were planned last are kept, those of a Monitor as many as of another', async () => {
  const planner: Planner = {
    of: async ({ name, revision, spec }, version) =>
      drift.AlarmPlan.fromPartial({ monitor: name, monitorRevision: revision, model: spec.model, baselineVersion: version }), // prettier-ignore
  };
  const out: OutRecord[] = [];
  const plans = createPlans(planner, () => undefined);
  const plan = async (name: string, version: number, endMs: number): Promise<void> => {
    const counts = drift.Pane.fromPartial({ model: 'm', baselineVersion: String(version) });
    const monitor = { ...budgeted(), name };
    const window = { monitor, counts, startMs: 0, endMs, carried: 0, lateRows: 0, watermarkMs: 0 };
    await plans.policyOf(window, contextOf(out));
  };
  await plan('other', 1, 0);
  for (let version = 1; version <= 10; version += 1) await plan('watch', version, version);
  // A version that is back in service is the newest again.
  await plan('watch', 1, 11);
  await plan('watch', 1, 12);
  const gone = out.filter(({ value }) => value === null).map(({ topic, key }) => [topic, key]);
  expect(gone).toEqual(
    [1, 2, 3].flatMap((version) => [
      [topics.driftPlan, `watch/${version}`],
      [topics.driftState, `plans/watch/${version}`],
    ]),
  );
  expect(out.filter(({ topic, value }) => topic === topics.driftPlan && value !== null)).toHaveLength(12);
});

describe('the planner', () => {
  test('leaves room for other work while it simulates', async () => {
    const planner = createPlanner(world.baselines, world.histories);
    let [turns, isDone] = [0, false];
    const work = (): void => {
      turns += 1;
      if (!isDone) setImmediate(work);
    };
    setImmediate(work);
    await planner.of(budgeted(), '1');
    isDone = true;
    expect(turns).toBeGreaterThan(400);
  });

  test('makes one plan after the other: each holds a whole history', async () => {
    let [held, most] = [0, 0];
    const histories = {
      async get(baseline: Baseline) {
        held += 1;
        most = Math.max(most, held);
        const panes = await world.histories.get(baseline);
        setImmediate(() => (held -= 1));
        return panes;
      },
    };
    const planner = createPlanner(world.baselines, histories);
    await Promise.all(['1', '2', '3'].map((version) => planner.of(budgeted(), version)));
    expect(most).toBe(1);
  });

  test('goes on after one that failed', async () => {
    const planner = createPlanner(
      { get: (_, version) => (version === '1' ? Promise.reject(new Error('away')) : world.baselines.get(_, version)) },
      world.histories,
    );
    const [failed, made] = await Promise.allSettled([planner.of(budgeted(), '1'), planner.of(budgeted(), '2')]);
    expect([failed.status, made.status]).toEqual(['rejected', 'fulfilled']);
  });

  test('does not do the same twice, and gives the same plan to every process', async () => {
    let reads = 0;
    const counted = {
      get: (baseline: Baseline) => {
        reads += 1;
        return world.histories.get(baseline);
      },
    };
    const [one, other] = [createPlanner(world.baselines, counted), createPlanner(world.baselines, world.histories)];
    const plans = await Promise.all([one.of(budgeted(), '1'), one.of(budgeted(), '1'), other.of(budgeted(), '1')]);
    expect(reads).toBe(1);
    expect(plans[1]).toEqual(plans[0]);
    expect(plans[2]).toEqual(plans[0]);
  });
});
