import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { drift, outcomes, topics } from '@everloop/contracts';
import type { QualityMonitor } from '@everloop/drift';
import { outcomeHourOf, performance, statsOf } from '@everloop/drift/outcomes';
import type { Bus, Publisher } from '@everloop/kafka';
import { createLogger, createMetrics, type Part } from '@everloop/service';
import { eventually, isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAlertWebhook } from '../src/adapters/http-alerts.ts';
import { createNotifier } from '../src/app/notifier.ts';
import { createQualityTask, type QualityTask } from '../src/app/quality-task.ts';
import { createNotifyTelemetry } from '../src/notify-telemetry.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';

const logger = createLogger({ service: 'drift-detector', level: 'silent' });
const metrics = createMetrics('drift-detector');
const hour = 3_600_000;
const watch: QualityMonitor = {
  name: 'watch',
  model: 'm',
  performance,
  waitMs: 6 * hour,
  slices: [],
  isNumeric: false,
};

let inner: Bus;
let bus: Bus;
let publisher: Publisher;
let running: Part[];

beforeEach(async () => {
  running = [];
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('quality'));
  await bus.ensureTopics([
    ...[topics.outcomeStats, topics.driftQuality, topics.driftAlert].map((name) => ({ name, partitions: 1 })),
    { name: topics.driftState, partitions: 1, compacted: true },
  ]);
  publisher = bus.publisher({ name: 'test' });
  await publisher.start();
});

afterEach(async () => {
  for (const part of running) await part.stop();
  await publisher.stop();
  await inner.stop();
});

async function start(part: Part): Promise<Part> {
  running.push(part);
  await part.start();
  return part;
}

/** Stage 3 as the service runs it. */
function stage(): Part {
  const telemetry = createQualityTelemetry(logger, metrics);
  const promises = { get: async () => ({ loss: 0.51, rows: 5_000 }) };
  return bus.tasks({
    groupId: 'everloop.drift-detector.quality',
    inputs: [topics.outcomeStats],
    createHandler: () => createQualityTask({ promises, telemetry, monitors: () => [watch] }),
    restore: {
      kind: 'changelog',
      topic: topics.driftState,
      restore: (handler, records) => (handler as QualityTask).restore(records),
    },
  });
}

async function outcomesOf(fromHour: number, untilHour: number): Promise<void> {
  for (let h = fromHour; h < untilHour; h += 1) {
    const stats = statsOf(outcomeHourOf(h + 1, h, { wrong: h < 48 ? 0 : 3 }));
    await publisher.publish([
      { topic: topics.outcomeStats, key: 'm', value: JSON.stringify(outcomes.OutcomeStats.toJSON(stats)) },
    ]);
    await publisher.publishWatermark(topics.outcomeStats, (h + 1) * hour);
  }
}

async function reports(): Promise<readonly drift.QualityReport[]> {
  const all: drift.QualityReport[] = [];
  await bus.readAll([topics.driftQuality], ({ records }) => {
    for (const { value } of records) all.push(drift.QualityReport.fromJSON(JSON.parse(String(value))));
  });
  return all;
}

describe('quality on a real broker', () => {
  test('each window is told once, over restarts in the middle of days', async () => {
    for (const [from, until] of [
      [0, 10],
      [10, 41],
      [41, 80],
      [80, 103],
    ] as const) {
      const part = await start(stage());
      await outcomesOf(from, until);
      // What is due by now is told; the next process goes on from the changelog.
      const due = Math.floor(until / 24) + Math.floor((until - 6) / 24);
      await eventually(async () => (await reports()).length >= due, { timeoutMs: 30_000, what: `${due} reports` });
      await part.stop();
    }
    const all = await reports();
    expect(all.map(({ kind, windowEndMs }) => `${kind} ${windowEndMs / hour / 24}`)).toEqual(
      [1, 2, 3, 4].flatMap((day) => [`estimated ${day}`, `performance ${day}`]),
    );
    expect(
      all.filter(({ kind }) => kind === 'performance').map(({ verdict, labelled }) => [verdict, labelled]),
    ).toEqual([
      [drift.DriftVerdict.STABLE, 1440],
      [drift.DriftVerdict.STABLE, 1440],
      [drift.DriftVerdict.DRIFTED, 1440],
      [drift.DriftVerdict.DRIFTED, 1440],
    ]);
  });
});

describe('alarms on a real broker', () => {
  let server: Server;
  let heard: string[];
  let isAway: boolean;
  let turnedAway: number;

  beforeEach(async () => {
    [heard, isAway, turnedAway] = [[], true, 0];
    server = createServer((request, response) => {
      const id = String(request.headers['x-everloop-event']);
      request.resume().on('end', () => {
        if (isAway) turnedAway += 1;
        else heard.push(id);
        response.writeHead(isAway ? 503 : 200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const notifier = (): Part =>
    createNotifier({
      bus,
      targets: [
        {
          target: createAlertWebhook({
            ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, logger, deadlineMs: 5_000 },
            ...{ runbooks: 'r', secret: null, attempts: 2, pauseMs: 5 },
          }),
          resendMs: null,
        },
      ],
      telemetry: createNotifyTelemetry(logger, metrics),
      ageMsMax: 3_600_000,
      now: Date.now,
    });

  test('wait in the topic while a webhook is away, and come in order when it is back, also over a restart', async () => {
    const alert = (id: string, resolved: boolean): string =>
      JSON.stringify(
        drift.DriftAlert.toJSON(
          drift.DriftAlert.fromPartial({
            id,
            model: 'm',
            monitor: 'watch',
            kind: 'data',
            severity: 'ticket',
            resolved,
          }),
        ),
      );
    const first = await start(notifier());
    await publisher.publish([
      { topic: topics.driftAlert, key: 'm', value: alert('a1', false) },
      { topic: topics.driftAlert, key: 'm', value: alert('a2', true) },
    ]);
    await eventually(() => turnedAway > 0, { timeoutMs: 30_000, what: 'the outage' });
    await first.stop();
    isAway = false;
    await start(notifier());
    await eventually(() => heard.length >= 2, { timeoutMs: 30_000, what: 'both alerts' });
    expect(heard).toEqual(['a1', 'a2']);
  });
});
