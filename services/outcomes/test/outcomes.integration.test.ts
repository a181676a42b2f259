import { outcomes, serving, type SourceSpec, topics, toWire, validTopic } from '@everloop/contracts';
import { partitionOfKey, type Bus, type BusRecord, type Publisher } from '@everloop/kafka';
import { createLogger, createMetrics, type Part } from '@everloop/service';
import { createSourceEncoder, schemaRegistries } from '@everloop/records';
import { startMiniRegistry } from '@everloop/records/testing';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createJoins } from '../src/app/joins.ts';
import { createQualityFollower } from '../src/app/quality.ts';
import type { RollingQuality } from '../src/domain/rolling.ts';
import { createTelemetry } from '../src/telemetry.ts';
import { model, source } from './resources.ts';

const hour = 3_600_000;
const partitions = 2;
const labels = validTopic('arrived');

function inference(id: string, key: string, atMs: number, arm = 'champion'): Buffer {
  const message = serving.Inference.fromPartial({
    decisionId: id,
    model: 'm',
    modelVersion: '1',
    championVersion: '1',
    arm,
    joinKey: key,
    eventTimeMs: atMs,
    score: 0.25,
  });
  return Buffer.from(serving.Inference.encode(message).finish());
}

let inner: Bus;
let bus: Bus;
let publisher: Publisher;
let running: Part[];

function service(): Part {
  const telemetry = createTelemetry(createLogger({ service: 'outcomes', level: 'warn' }), createMetrics('outcomes'));
  const part = createJoins({ bus, telemetry, stateMax: 10_000, awaitTopicMs: 2_000 });
  running.push(part);
  return part;
}

beforeEach(async () => {
  running = [];
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('outcomes'));
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
  publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  const resources = [
    toWire({ kind: 'Source', name: 'arrived', revision: 1, spec: source }),
    toWire({ kind: 'Model', name: 'm', revision: 1, spec: model }),
  ];
  await publisher.publish(
    resources.map((one) => ({ topic: topics.resources, key: `${one.kind}/${one.name}`, value: JSON.stringify(one) })),
  );
});

afterEach(async () => {
  for (const part of running) await part.stop();
  await publisher.stop();
  await inner.stop();
});

const predict = (id: string, key: string, atMs: number, topic: string = topics.inferenceServed) =>
  publisher.publish([
    { topic, key, value: inference(id, key, atMs, topic === topics.inferenceServed ? 'champion' : 'shadow') },
  ]);
const label = (key: string, delay: number, atMs: number) =>
  publisher.publish([{ topic: labels, key, value: JSON.stringify({ id: key, delay, at: atMs }) }]);
const advance = async (watermarkMs: number): Promise<void> => {
  for (const topic of [topics.inferenceServed, topics.inferenceShadowed, labels])
    await publisher.publishWatermark(topic, watermarkMs);
};

async function read(topic: string): Promise<readonly BusRecord[]> {
  const all: BusRecord[] = [];
  await bus.readAll([topic], ({ records }) => void all.push(...records));
  return all;
}

/** Waits until the marker of event time has come through to the sums. */
async function passed(watermarkMs: number): Promise<void> {
  let seen = -Infinity;
  const follower = bus.follow({
    topics: [topics.outcomeStats],
    from: 'beginning',
    onRecord: () => undefined,
    onWatermark: (_, at) => void (seen = at),
  });
  await eventually(() => bus.awaitTopics([topics.outcomeStats], 1_000).then(() => true), { timeoutMs: 20_000 });
  await follower.start();
  await eventually(() => seen >= watermarkMs, { timeoutMs: 30_000, what: `watermark ${watermarkMs}` });
  await follower.stop();
}

describe('outcomes on a real broker', () => {
  test('waits for the label topic, settles each decision once over a restart, expires, and its sums add up', async () => {
    const first = service();
    await first.start();
    await eventually(() => bus.partitionCount(topics.outcomeSettled), { timeoutMs: 20_000 });
    expect(first.health?.()).toBeDefined();
    await bus.ensureTopics([{ name: labels, partitions }]);

    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    for (const [i, key] of keys.entries()) {
      await predict(`p${i}`, key, hour);
      await predict(`s${i}`, key, hour, topics.inferenceShadowed);
    }
    await predict('p0', 'k0', hour);
    // Labels of the first ten come now, of the next ten after the restart, the others never.
    for (const key of keys.slice(0, 10)) await label(key, 20, 2 * hour);
    await label('early', 0, 2 * hour);
    await advance(3 * hour);
    await passed(3 * hour);
    expect(new Set((await read(topics.outcomeSettled)).map(({ value }) => value?.length ?? 0)).size).toBeGreaterThan(0);
    await first.stop();

    const second = service();
    await second.start();
    for (const key of keys.slice(10, 20)) await label(key, 10, 4 * hour);
    await predict('p3', 'k3', hour);
    await predict('pe', 'early', 4 * hour);
    await advance(60 * hour);
    await passed(60 * hour);

    const settled = (await read(topics.outcomeSettled)).map(({ value, key, partition }) => ({
      ...outcomes.Outcome.decode(value ?? Buffer.alloc(0)),
      isAtHome: partition === partitionOfKey(key ?? Buffer.alloc(0), partitions),
    }));
    expect(settled.length).toBe(81);
    expect(new Set(settled.map(({ decisionId }) => decisionId)).size).toBe(81);
    expect(settled.every(({ isAtHome }) => isAtHome)).toBe(true);
    const labelled = settled.filter(({ kind }) => kind === outcomes.OutcomeKind.LABELLED);
    expect(labelled.length).toBe(41);
    expect(labelled.filter((one) => one.label === 1).length).toBe(20);

    const sums = (await read(topics.outcomeStats)).map(({ value, headers }) => {
      expect(headers['ce_type']).toBe(topics.outcomeStats);
      return outcomes.OutcomeStats.fromJSON(JSON.parse(value?.toString('utf8') ?? ''));
    });
    const sum = (of: (stats: outcomes.OutcomeStats) => number): number =>
      sums.reduce((total, one) => total + of(one), 0);
    expect([sum((s) => s.labelled), sum((s) => s.expired), sum((s) => s.positives)]).toEqual([41, 40, 20]);
    expect(sum((s) => (s.arm === 'shadow' ? s.labelled : 0))).toBe(20);

    let shown: readonly RollingQuality[] = [];
    const gauges = { show: (qualities: readonly RollingQuality[]) => void (shown = qualities) };
    const quality = createQualityFollower({ bus, gauges, windowMs: 7 * 24 * hour });
    running.push(quality);
    await quality.start();
    expect(
      shown.map(({ name, coverage, quality: { rows, positives } }) => [name.arm, coverage, rows, positives]),
    ).toEqual([
      ['champion', 21 / 41, 21, 10],
      ['shadow', 0.5, 20, 10],
    ]);

    const newest = new Map((await read(topics.outcomePending)).map(({ key, value }) => [key?.toString('utf8'), value]));
    expect([...newest.values()].filter((value) => value !== null)).toEqual([]);
  });

  test('labels in Protobuf settle decisions', async () => {
    const schemas = await startMiniRegistry();
    const inProtobuf: SourceSpec = { ...source, format: 'protobuf', schemaRegistry: schemas.url };
    const wire = toWire({ kind: 'Source', name: 'arrived', revision: 2, spec: inProtobuf });
    await publisher.publish([{ topic: topics.resources, key: 'Source/arrived', value: JSON.stringify(wire) }]);
    const encode = await createSourceEncoder('arrived', inProtobuf, schemaRegistries({}));
    await bus.ensureTopics([{ name: labels, partitions }]);
    await service().start();
    await eventually(() => bus.partitionCount(topics.outcomeSettled), { timeoutMs: 20_000 });
    for (const key of ['late', 'early', 'never']) await predict(`p-${key}`, key, hour);
    for (const [id, delay] of [
      ['late', 20.5],
      ['early', -3],
    ] as const)
      await publisher.publish([{ topic: labels, key: id, value: encode({ id, delay, at: 2 * hour }).value }]);
    await advance(60 * hour);
    await passed(60 * hour);
    const settled = (await read(topics.outcomeSettled)).map(({ value }) =>
      outcomes.Outcome.decode(value ?? Buffer.alloc(0)),
    );
    const told = settled.map(({ decisionId, kind, label: given }) => [
      decisionId,
      kind === outcomes.OutcomeKind.LABELLED ? given : null,
    ]);
    expect(told.sort()).toEqual([
      ['p-early', 0],
      ['p-late', 1],
      ['p-never', null],
    ]);
    await schemas.stop();
  });
});
