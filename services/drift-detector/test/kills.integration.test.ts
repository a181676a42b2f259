import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { drift, topics } from '@everloop/contracts';
import { day, uniforms } from '@everloop/drift/fixtures';
import type { Bus } from '@everloop/kafka';
import { createMetrics, deferred, type Part } from '@everloop/service';
import { eventually, testBus, testLogger, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { detectorOn } from './detector.ts';
import {
  beginLife,
  endLife,
  endRetrainings,
  lived,
  paneRows,
  publishOutcomes,
  publishPredictions,
  read,
  rowsOfDay,
  type Life,
} from './lived-days.ts';

/*
 * The same days are lived twice: by one detector that nothing happens to, and by processes that are killed, suspended beyond their session, started and
 * stopped in the middle of the work, at moments that a seed draws. EVL_FAULT_SEED makes another run of it.
 */
const days = 8;
const seed = Number(process.env['EVL_FAULT_SEED'] ?? 1);
const draw = uniforms(seed);
const prefix = uniqueName('drift-kills');
const children = new Set<ChildProcess>();
let inner: Bus;
let undisturbed: Life;
let disturbed: Life;
let detector: Part;

beforeAll(async () => {
  inner = await testBus();
  undisturbed = await beginLife(inner, uniqueName('drift-calm'));
  disturbed = await beginLife(inner, prefix);
  detector = detectorOn(undisturbed.bus, testLogger(), createMetrics('drift-detector'));
  await detector.start();
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await detector.stop();
  await endLife(undisturbed);
  await endLife(disturbed);
  await inner.stop();
});

function begin(): void {
  const child = fork(new URL('./detector-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
}

function any(): ChildProcess {
  const child = [...children][Math.floor(draw() * children.size)];
  if (child === undefined) throw new Error('no process is left');
  return child;
}

type Fault = (worked: Promise<void>) => Promise<void>;

/** What may happen to the processes while they work; `worked` is when the work is done. */
const faults: Readonly<Record<string, Fault>> = {
  async kill() {
    any().kill('SIGKILL');
    begin();
  },
  /** Nothing that is in memory is left. */
  async killAll() {
    const all = [...children];
    for (const child of all) child.kill('SIGKILL');
    all.forEach(begin);
  },
  async start() {
    begin();
  },
  async stop() {
    const child = any();
    begin();
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
  /** Wakes up when the others have done its work. */
  async suspend(worked) {
    const child = any();
    child.kill('SIGSTOP');
    await worked;
    child.kill('SIGCONT');
  },
};

/** Waits, from now on, for something new in a topic; call it before that can come. */
async function growthOf(topic: string): Promise<() => Promise<unknown>> {
  const ends = async (): Promise<bigint> => (await disturbed.bus.offsets(topic)).reduce((sum, o) => sum + o.high, 0n);
  const before = await ends();
  return async () => eventually(async () => (await ends()) > before, { timeoutMs: 60_000, what: `work in ${topic}` });
}

/** The given faults in an order that the seed draws. */
function inOrder(names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, at: draw() }))
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
}

interface Step {
  readonly publish: (life: Life, half: 0 | 1) => Promise<void>;
  /** Topics that get something of the second half. */
  readonly way: readonly string[];
  readonly until: (life: Life) => Promise<void>;
}

/**
 * A day's predictions or outcomes in both lives. The fault comes when the first half is in the state and the second is not there yet, or in the work on the second:
 * when there is something new in a topic of it.
 */
async function step({ publish, way, until }: Step, fault: string | undefined): Promise<void> {
  const isBetween = fault === 'killAll' || draw() < 0.5;
  const held = await growthOf(topics.driftState);
  await Promise.all([publish(undisturbed, 0), publish(disturbed, 0)]);
  if (fault !== undefined) await held();
  const under = await growthOf(way[Math.floor(draw() * way.length)] ?? '');
  const worked = deferred();
  const happen = async (): Promise<void> => faults[fault ?? '']?.(worked.promise);
  const between = isBetween ? happen() : null;
  await Promise.all([publish(undisturbed, 1), publish(disturbed, 1)]);
  if (between === null && fault !== undefined) await under();
  const happened = between ?? happen();
  await Promise.all([until(undisturbed), until(disturbed)]);
  worked.resolve();
  await happened;
}

const facts = async ({ bus }: Life, topic: string): Promise<readonly unknown[]> =>
  (await read(bus, topic)).map(({ key, value, headers }) => ({ key: String(key), value: String(value), headers }));

it(`kill -9 and rebalance at random: the same reports, decisions, alerts and requests, once each (seed ${seed})`, async () => {
  const [ofPredictions, ofOutcomes] = [inOrder(Object.keys(faults)), inOrder(['kill', 'killAll'])];
  for (let i = 0; i < 3; i += 1) begin();
  for (let number = 0; number < days; number += 1) {
    const endMs = (number + 1) * day;
    for (const life of [undisturbed, disturbed]) await endRetrainings(life, number * day);
    const predictions: Step = {
      publish: (life, half) => publishPredictions(life, number, half),
      way: [topics.driftPane, topics.driftState, topics.driftReport, topics.driftDecision],
      until: (life) => lived(life, topics.driftReport, endMs),
    };
    const outcomes: Step = {
      publish: (life, half) => publishOutcomes(life, number, half),
      way: [topics.driftState, topics.driftQuality, topics.driftDecision],
      until: (life) => lived(life, topics.retrainingRequested, endMs),
    };
    // The first day all of them are still joining.
    await step(predictions, number === 0 ? undefined : ofPredictions.pop());
    await step(outcomes, number === 0 ? undefined : ofOutcomes.pop());
  }

  for (const topic of [
    topics.driftPlan,
    topics.driftReport,
    topics.driftQuality,
    topics.driftDecision,
    topics.driftAlert,
    topics.retrainingRequested,
  ])
    expect([topic, await facts(disturbed, topic)]).toEqual([topic, await facts(undisturbed, topic)]);
  const rows = await paneRows(disturbed.bus);
  expect(rows).toEqual(await paneRows(undisturbed.bus));
  expect([...rows.values()].reduce((sum, n) => sum + n, 0)).toBe(days * rowsOfDay);

  const plans = (await read(disturbed.bus, topics.driftPlan)).map(({ value }) =>
    drift.AlarmPlan.fromJSON(JSON.parse(String(value))),
  );
  expect(plans).toMatchObject([{ monitor: 'watch', baselineVersion: '1', status: 'calibrated' }]);
  const judgedBy = (await read(disturbed.bus, topics.driftReport)).map(
    ({ value }) => drift.DriftReport.fromJSON(JSON.parse(String(value))).policy,
  );
  for (const policy of judgedBy) expect(policy).toEqual(plans[0]?.policy);

  // That so much has happened at all.
  const decisions = (await read(disturbed.bus, topics.driftDecision)).map(({ value }) =>
    drift.Decision.fromJSON(JSON.parse(String(value))),
  );
  const outcomes = new Set(decisions.map(({ outcome }) => outcome));
  expect(outcomes).toEqual(
    new Set([
      drift.RetrainOutcome.NONE,
      drift.RetrainOutcome.DEFERRED,
      drift.RetrainOutcome.REQUESTED,
      drift.RetrainOutcome.SUPPRESSED,
    ]),
  );
  expect((await read(disturbed.bus, topics.retrainingRequested)).length).toBeGreaterThan(1);
}, 300_000);
