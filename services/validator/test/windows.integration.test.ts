import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { encodeEvent, quality, qualityTypes, registry, topics, toWire, type SourceSpec } from '@everloop/contracts';
import type { Bus, BusRecord, OutRecord } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sources } from '../src/app/sources.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';
import { batchOf, hourMs, judgeOf, reportsOf, rule, sourceSpec, windowSpec } from './quality-fixtures.ts';

const prefix = uniqueName('windows');
const children: ChildProcess[] = [];
let inner: Bus;
let bus: Bus;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await inner.stop();
});

async function startWorker(): Promise<ChildProcess> {
  const child = fork(new URL('./validator-worker.ts', import.meta.url), [prefix], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function publish(records: readonly OutRecord[], watermark?: { topic: string; at: number }): Promise<void> {
  const publisher = bus.publisher({ name: 'producer' });
  await publisher.start();
  await publisher.publish(records);
  if (watermark !== undefined) await publisher.publishWatermark(watermark.topic, watermark.at);
  await publisher.stop();
}

async function apply(name: string, spec: SourceSpec, revision = 1): Promise<void> {
  const value = JSON.stringify(registry.Resource.toJSON(toWire({ kind: 'Source', name, revision, spec })));
  await publish([{ topic: topics.resources, partition: 0, key: `Source/${name}`, value }]);
  await eventually(() => bus.partitionCount(`${spec.topic}.valid`), { timeoutMs: 60_000 });
}

async function read(topic: string): Promise<readonly BusRecord[]> {
  const found: BusRecord[] = [];
  await bus.readAll([topic], ({ records }) => void found.push(...records)).catch(() => undefined);
  return found;
}
const json = ({ value }: BusRecord): unknown => JSON.parse(value?.toString() ?? '');
const reportsIn = async (source: string) =>
  (await read(topics.qualityReport))
    .filter(({ key }) => String(key) === source)
    .map((each) => quality.WindowReport.fromJSON(json(each)));
const holdsIn = async (source: string) =>
  (await read(topics.qualityHold))
    .filter(({ key }) => !String(key).startsWith('judged/'))
    .map((each) => quality.Hold.fromJSON(json(each)))
    .filter((hold) => hold.source === source);
const judgedIn = async (source: string) =>
  (await read(topics.qualityHold))
    .filter(({ key }) => String(key) === `judged/${source}`)
    .map((each) => quality.SourceJudged.fromJSON(json(each)).watermarkMs);

const rules = [
  rule({ check: 'rows', min: 10 }),
  rule({ name: 'no_x', check: 'missing', columns: ['x'], max: 0.5, spike: 5 }),
  rule({ name: 'median_x', check: 'quantile', quantile: 0.5, columns: ['x'], severity: 'warn', max: 1_000 }),
  rule({ check: 'unseen', columns: ['c'], max: 0.3, severity: 'warn' }),
  rule({ check: 'duplicates', columns: ['id'], max: 0.5 }),
  rule({ check: 'quarantined', max: 0.4 }),
];

interface Sent {
  readonly partition: number;
  readonly value: string;
  readonly at: number;
  readonly fields: Record<string, unknown> | null;
}

/** An hour of 40 records over two partitions; of some hours most have no x. Every tenth is no JSON. */
function hour(number: number, isBroken: boolean): readonly Sent[] {
  return Array.from({ length: 40 }, (_, i) => {
    const at = number * hourMs + i * 60_000;
    const fields = { id: `k${i % 30}`, at, c: `c${i % 5}`, ...(isBroken && i % 8 !== 0 ? {} : { x: i * number }) };
    return i % 10 === 9
      ? { partition: i % 2, value: 'broken', at, fields: null }
      : { partition: i % 2, value: JSON.stringify(fields), at, fields };
  });
}
const toRecord = (topic: string, { partition, value }: Sent): OutRecord => ({ topic, partition, key: 'k', value });

describe('windows on Kafka', () => {
  it('are each reported once, as a single process would have, though the validator is killed again and again', async () => {
    const topic = 'killed.test';
    const windows = [
      windowSpec(rules),
      windowSpec([rule({ check: 'rows', min: 1 })], { name: 'four', everyMs: 4 * hourMs }),
    ];
    const hours = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((number) => hour(number, number === 5 || number === 6));
    let worker = await startWorker();
    await apply('killed', sourceSpec(topic, windows));
    for (const [number, records] of hours.entries()) {
      const marker = { topic, at: (number + 1) * hourMs };
      const half = records.length / 2;
      await publish(records.slice(0, half).map((each) => toRecord(topic, each)));
      if (number === 3 || number === 6) {
        // Somewhere in its work: before, in or after the transaction of what was just sent.
        worker.kill('SIGKILL');
        await once(worker, 'exit');
        worker = await startWorker();
      }
      await publish(
        records.slice(half).map((each) => toRecord(topic, each)),
        marker,
      );
    }
    await eventually(async () => (await judgedIn('killed')).at(-1) === 12 * hourMs, {
      timeoutMs: 90_000,
      what: 'the last window',
    });
    worker.send('stop');
    await once(worker, 'exit');

    const reference = judgeOf(windows, { partitions: 2 });
    for (const partition of [0, 1]) {
      const mine = hours.flat().filter((each) => each.partition === partition);
      const judged = mine.map(({ at, fields }) => ({
        ...{
          offset: 0n,
          timestampMs: -1,
          isValid: fields !== null,
          record: fields,
          timeMs: fields === null ? null : at,
        },
      }));
      reference.take(batchOf(windows, judged, partition));
    }
    const expected = reportsOf(reference.pass(12 * hourMs)).map((report) => ({ ...report, source: 'killed' }));
    const reports = await reportsIn('killed');
    const withoutIds = ({ holdId, ...report }: quality.WindowReport) => ({
      ...report,
      id: '',
      holdId: String(holdId !== ''),
    });
    expect(new Set(reports.map(({ id }) => id)).size).toBe(reports.length);
    expect(reports.map(withoutIds)).toEqual(expected.map(withoutIds));
    expect(reports).toHaveLength(12 + 3);
    const holds = await holdsIn('killed');
    expect(holds.map(({ state, fromMs, untilMs, rules: broken }) => [state, fromMs, untilMs, broken])).toEqual([
      ['HOLD_STATE_OPEN', 5 * hourMs, 0, ['no_x/x']],
      ['HOLD_STATE_CLOSED', 5 * hourMs, 7 * hourMs, ['no_x/x']],
    ]);
    const judged = await judgedIn('killed');
    expect(judged).toEqual(judged.toSorted((a, b) => a - b));
  }, 180_000);

  it('without markers are closed by event times; a person releases a hold; rules that change count from the next window', async () => {
    const topic = 'live.test';
    const logger = createLogger({ service: 'test', level: 'silent' });
    const metrics = createMetrics('validator');
    const sources = new Sources({
      stream: bus,
      telemetry: createTelemetry(logger, metrics),
      qualityTelemetry: createQualityTelemetry(logger, metrics),
      limits: { recordBytesMax: 1_048_576, uniqueEntriesMax: 1_000 },
    });
    await sources.start();
    const live = windowSpec([rule({ name: 'no_x', check: 'missing', columns: ['x'], max: 0.5 })], {
      closedBy: 'events',
    });
    await apply('live', sourceSpec(topic, [live]));
    const send = async (number: number, isBroken: boolean): Promise<void> => {
      const stamped = hour(number, isBroken).map((each) => ({ ...toRecord(topic, each), timestampMs: each.at }));
      await publish(stamped);
    };
    await send(0, false);
    await send(1, true);
    await send(2, false);
    const opened = await eventually(async () => (await holdsIn('live'))[0], { timeoutMs: 60_000, what: 'the hold' });
    expect(opened).toMatchObject({ state: 'HOLD_STATE_OPEN', fromMs: hourMs, openedAtMs: 2 * hourMs });
    const command = quality.ReleaseHold.toJSON({ id: 'r', hold: opened, accept: true, reason: 'a test', by: 'kim' });
    const said = encodeEvent({ id: 'r', type: qualityTypes.release, source: 'test', subject: 'live', data: command });
    await publish([{ topic: `${topic}.quality`, partition: 0, key: 'live', ...said }]);
    const released = await eventually(async () => (await holdsIn('live'))[1], {
      timeoutMs: 60_000,
      what: 'the release',
    });
    expect(released).toMatchObject({ state: 'HOLD_STATE_RELEASED', accepted: true, by: 'kim', untilMs: 2 * hourMs });

    await apply('live', sourceSpec(topic, [{ ...live, rules: [rule({ check: 'rows', min: 1_000 })] }]), 2);
    await eventually(
      async () => {
        await send(3, false);
        await send(4, false);
        return (await reportsIn('live')).some(({ revision }) => revision === 2);
      },
      { timeoutMs: 60_000, what: 'a window judged by the changed rules' },
    );
    const last = (await reportsIn('live')).at(-1);
    expect(last?.results.map((each) => each.rule)).toEqual(['rows']);
    expect(await metrics.text()).toMatch(/everloop_validator_window_value\{[^}]*source="live"[^}]*\} \d/);
    await sources.stop();
  }, 120_000);
});
