import { fork, type ChildProcess } from 'node:child_process';
import { outcomes, serving, topics, toWire, validTopic } from '@everloop/contracts';
import type { Bus, BusRecord, Publisher } from '@everloop/kafka';
import { ScoreSums } from '@everloop/stats';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { model, source } from './resources.ts';

/* Two processes share the partitions and are killed at random while labels are late, corrected and missing: each ending once, and exact sums. */
const hour = 3_600_000;
const keys = 1_200;
const hours = 36;
const { LABELLED, DEFAULTED } = outcomes.OutcomeKind;
const labels = validTopic('arrived');
const prefix = uniqueName('outcomes-kills');
const children: ChildProcess[] = [];
let inner: Bus;
let bus: Bus;
let publisher: Publisher;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([
    { name: topics.resources, partitions: 1, compacted: true },
    ...[topics.inferenceServed, topics.inferenceShadowed, labels].map((name) => ({ name, partitions: 2 })),
    { name: topics.outcomeStats, partitions: 1 },
  ]);
  publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  const label = { ...model.label, waitMs: 4 * hour, lateMs: 4 * hour, conflict: 'last', default: 0 } as const;
  const resources = [
    toWire({ kind: 'Source', name: 'arrived', revision: 1, spec: source }),
    toWire({ kind: 'Model', name: 'm', revision: 1, spec: { ...model, label } }),
  ];
  await publisher.publish(
    resources.map((one) => ({ topic: topics.resources, key: `${one.kind}/${one.name}`, value: JSON.stringify(one) })),
  );
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await publisher.stop();
  await inner.stop();
});

interface Case {
  readonly key: string;
  readonly predictedAtMs: number;
  readonly score: number;
  /** Delays of its labels, hours, and their values; empty: none comes. */
  readonly labels: readonly (readonly [hours: number, value: 0 | 1])[];
}

/** Every kind of ending: by default, late, corrected, or by one label. */
const cases = Array.from({ length: keys }, (_, i): Case => {
  const value = i % 3 === 0 ? 1 : 0;
  const given: Case['labels'] =
    i % 5 === 0
      ? i % 2 === 0
        ? [[6, 1]]
        : []
      : i % 4 === 0
        ? [
            [2, value],
            [3, value === 1 ? 0 : 1],
          ]
        : [[2, value]];
  return { key: `k${i}`, predictedAtMs: (i % 24) * hour, score: ((i * 37) % 100) / 100, labels: given };
});

function inferenceOf({ key, predictedAtMs, score }: Case, arm: 'champion' | 'shadow'): Buffer {
  const message = serving.Inference.fromPartial({
    ...{ decisionId: `${arm}-${key}`, requestId: key, model: 'm', modelVersion: arm === 'shadow' ? '2' : '1' },
    ...{ championVersion: '1', arm, joinKey: key, eventTimeMs: predictedAtMs, score, learn: arm !== 'shadow' },
  });
  return Buffer.from(serving.Inference.encode(message).finish());
}

/** Everything with an event time in one hour, and the marker behind it. */
async function publishHour(at: number): Promise<void> {
  const predicted = cases.filter(({ predictedAtMs }) => predictedAtMs === at * hour);
  const records = predicted.flatMap((one) => [
    { topic: topics.inferenceServed, key: one.key, value: inferenceOf(one, 'champion') },
    { topic: topics.inferenceShadowed, key: one.key, value: inferenceOf(one, 'shadow') },
  ]);
  const labelled = cases.flatMap((one) =>
    one.labels
      .filter(([delay]) => one.predictedAtMs + delay * hour === at * hour)
      .map(([, value]) => ({
        ...{ topic: labels, key: one.key },
        value: JSON.stringify({ id: one.key, delay: value === 1 ? 20 : 10, at: at * hour }),
      })),
  );
  await publisher.publish([...records, ...labelled]);
  for (const topic of [topics.inferenceServed, topics.inferenceShadowed, labels])
    await publisher.publishWatermark(topic, (at + 1) * hour);
}

async function read(topic: string): Promise<readonly BusRecord[]> {
  const all: BusRecord[] = [];
  await bus.readAll([topic], ({ records }) => void all.push(...records));
  return all;
}

function begin(): ChildProcess {
  const child = fork(new URL('./outcomes-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  return child;
}

const endings = async (): Promise<readonly outcomes.Outcome[]> =>
  (await read(topics.outcomeSettled)).map(({ value }) => outcomes.Outcome.decode(value ?? Buffer.alloc(0)));

it('kill -9 and rebalance at random: each ending once, in order, and sums that are exact', async () => {
  const workers = [begin(), begin()];
  await eventually(() => bus.partitionCount(topics.outcomeSettled), { timeoutMs: 60_000 });
  for (let at = 0; at < hours; at += 1) {
    await publishHour(at);
    if (at % 9 !== 4) continue;
    const before = (await endings()).length;
    await publishHour((at += 1));
    await eventually(async () => (await endings()).length > before, { timeoutMs: 60_000, what: `hour ${at}` });
    const victim = Math.floor(Math.random() * workers.length);
    workers[victim]?.kill('SIGKILL');
    workers[victim] = begin();
  }
  const decisions = async (): Promise<number> => new Set((await endings()).map(({ decisionId }) => decisionId)).size;
  await eventually(async () => (await decisions()) === 2 * keys, { timeoutMs: 120_000, what: 'every decision' });
  // The state of a task is empty when it has written the last tombstone.
  const live = async (): Promise<readonly (string | undefined)[]> => {
    const newest = new Map((await read(topics.outcomePending)).map(({ key, value }) => [String(key), value]));
    return [...newest].filter(([key, value]) => value !== null && !key.startsWith('arm/')).map(([key]) => key);
  };
  await eventually(async () => (await live()).length === 0, { timeoutMs: 120_000, what: 'the end of all waits' });

  const all = await endings();
  const byDecision = Map.groupBy(all, ({ decisionId }) => decisionId);
  expect(byDecision.size).toBe(2 * keys);
  for (const one of cases) {
    for (const arm of ['champion', 'shadow']) {
      const mine = byDecision.get(`${arm}-${one.key}`) ?? [];
      expect(mine.map(({ revision }) => revision)).toEqual(Array.from({ length: mine.length }, (_, i) => i));
      const last = one.labels.at(-1);
      expect(mine.at(-1)).toMatchObject({ kind: last === undefined ? DEFAULTED : LABELLED, label: last?.[1] ?? 0 });
    }
  }

  const [sums, expected] = [new ScoreSums(), new ScoreSums()];
  const total = { predictions: 0, late: 0, defaulted: 0, expired: 0 };
  for (const { value } of await read(topics.outcomeStats)) {
    const stats = outcomes.OutcomeStats.fromJSON(JSON.parse(String(value)));
    sums.merge(stats);
    for (const name of ['predictions', 'late', 'defaulted', 'expired'] as const) total[name] += stats[name];
  }
  // Of the champion and of its shadow.
  for (const one of [...cases, ...cases]) expected.add(one.score, one.labels.at(-1)?.[1] ?? 0);
  expect(sums.state()).toEqual(expected.state());
  const late = cases.filter(({ labels: given }) => given[0]?.[0] === 6).length;
  const none = cases.filter(({ labels: given }) => given.length === 0).length;
  expect(total).toEqual({ predictions: 2 * keys, late: 2 * late, defaulted: 2 * none, expired: 0 });
}, 300_000);
