import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { registry, resourceKey, topics, toWire } from '@everloop/contracts';
import { createKafkaBus } from '@everloop/kafka';
import { freePorts, startLocalKafka, startLocalRedis, superviseProcess } from '@everloop/local';
import { createMetrics } from '@everloop/service';
import { eventually, pythonRequirements, pythonVenv } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { driverResources } from './drivers.ts';
import { silentTelemetry } from './fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'evl-feast-'));
const started: { stop(): Promise<unknown> }[] = [];
const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
let python = '';
let http = 0;
let grpc = 0;

/** Kafka, Redis, the validator and the feature store as processes of their own, with the drivers of Feast's documentation. */
beforeAll(async () => {
  python = await pythonVenv('feast', pythonRequirements('feast'));
  const [kafkaPort = 0, controllerPort = 0, redisPort = 0, feast = 0, ...others] = await freePorts(7);
  const [validatorHttp = 0, storeHttp = 0, storeGrpc = 0] = others;
  [http, grpc] = [feast, storeGrpc];
  const log = (): void => undefined;
  const kafka = await startLocalKafka({ dir: join(dir, 'kafka'), port: kafkaPort, controllerPort, log });
  started.push(kafka);
  const redis = await startLocalRedis({ dir: join(dir, 'redis'), port: redisPort, log });
  started.push(redis);
  await applyDrivers(kafka.brokers);
  const env = { ...process.env, KAFKA_BROKERS: kafka.brokers, REDIS_URL: redis.url, EVL_DATA_DIR: join(dir, 'data') };
  const run = async (name: string, port: number, more: Record<string, string>): Promise<void> => {
    const service = superviseProcess({
      name,
      command: process.execPath,
      args: [join(import.meta.dirname, `../../${name}/src/main.ts`)],
      env: { ...env, EVL_HTTP_PORT: String(port), ...more },
      logFile: join(dir, `${name}.log`),
      ready: { url: `http://127.0.0.1:${port}/readyz` },
      readyMs: 120_000,
    });
    started.push(service);
    await service.ready;
  };
  await run('validator', validatorHttp, {});
  await run('feature-store', storeHttp, {
    EVL_GRPC_PORT: String(grpc),
    EVL_FEAST_PORT: String(http),
    EVL_FEAST_WAIT: '20s',
    EVL_OBJECT_STORE: join(dir, 'objects'),
    EVL_VAULT_STORE: join(dir, 'vault'),
  });
  // The first write is read when the services have taken the resources.
  await eventually(
    async () => {
      const rows = { driver_id: [1], event_timestamp: [new Date(nowMs).toISOString()] };
      return (await post('/push', { push_source_name: 'driver_stats_push_source', df: rows })).status === 200;
    },
    { what: 'a first row that is served', timeoutMs: 120_000 },
  );
});

afterAll(async () => {
  for (const part of started.toReversed()) await part.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function applyDrivers(brokers: string): Promise<void> {
  const bus = createKafkaBus({
    brokers: brokers.split(','),
    clientId: 'feast-test',
    logger: silentTelemetry.logger,
    metrics: createMetrics('feast-test'),
  });
  await bus.start();
  const publisher = bus.publisher({ name: 'drivers' });
  await publisher.start();
  const resources = driverResources('feast');
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }]);
  for (const resource of resources) {
    if (resource.kind !== 'Source') continue;
    const { topic, partitions } = resource.spec;
    await bus.ensureTopics([{ name: topic, partitions }]);
  }
  await publisher.publish(
    resources.map((resource) => ({
      topic: topics.resources,
      partition: 0,
      key: resourceKey(resource),
      value: JSON.stringify(registry.Resource.toJSON(toWire(resource))),
    })),
  );
  await publisher.stop();
  await bus.stop();
}

async function post(path: string, body: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${http}${path}`, { method: 'POST', body: JSON.stringify(body) });
}

describe('the unmodified Feast SDK with a remote online store', () => {
  let seen: Readonly<Record<string, unknown>> = {};
  beforeAll(() => {
    const script = join(import.meta.dirname, 'feast/client.py');
    const ran = spawnSync(python, [script, dir, String(http), String(grpc), String(nowMs)], {
      encoding: 'utf8',
      env: { ...process.env, FEAST_USAGE: 'False' },
      timeout: 240_000,
    });
    if (ran.status !== 0) throw new Error(`the client failed: ${ran.stderr.slice(-4_000)}`);
    seen = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '') as typeof seen;
  });

  it('reads what it wrote and pushed: the newest event wins, what is too old is missing', () => {
    expect(seen['stats']).toEqual({
      driver_id: [1001, 1002, 1003, 1004],
      conv_rate: [0.5, 0.75, null, null],
      acc_rate: [0.5, 0.5, null, null],
      avg_daily_trips: [10, 11, null, null],
      on_duty: [true, false, null, null],
      name: ['driver 1001', 'driver 1002', null, null],
    });
    expect(seen['statuses']).toEqual(['PRESENT', 'OUTSIDE_MAX_AGE', 'NOT_FOUND']);
    expect(seen['frame']).toEqual([
      { driver_id: 1001, conv_rate: 0.5 },
      { driver_id: 1003, conv_rate: null },
      { driver_id: 1004, conv_rate: null },
    ]);
  });

  it('reads aggregations and lists by full names', () => {
    expect(seen['full']).toEqual({
      driver_id: [1001],
      driver_day__reports: [3],
      driver_day__latest: [[0.5, 0.25, 0.0625]],
      driver_hourly_stats__conv_rate: [0.5],
    });
  });

  it('reads a feature service by its name, with what is computed on demand', () => {
    expect(seen['service']).toEqual({
      driver_id: [1001, 1004],
      conv_rate: [0.5, null],
      name: ['driver 1001', null],
      reports: [3, null],
      rate_per_report: [0.5 / 3, null],
      is_good: [true, null],
    });
  });

  it('reads rows view by view with their types and time', () => {
    expect(seen['online_read']).toEqual([
      { conv_rate: ['double_val', 0.5], on_duty: ['bool_val', true] },
      { conv_rate: null, on_duty: null },
    ]);
    expect(Date.parse(String(seen['online_read time']))).toBe(nowMs - 3_600_000);
  });

  it('raises its own exceptions', () => {
    expect(seen['unknown view']).toBe('FeatureViewNotFoundException');
    expect(seen['unknown service']).toBe('FeatureServiceNotFoundException');
    expect(seen['refused rows']).toBe('FeastError');
  });

  it.each(['ServingService', 'GrpcFeatureServer'])('reads by gRPC, service %s', (service) => {
    expect(seen[service]).toEqual({
      names: ['driver_id', 'conv_rate', 'name'],
      values: [
        [1001, 1004],
        [0.5, null],
        ['driver 1001', null],
      ],
      statuses: [
        [1, 1],
        [1, 3],
        [1, 3],
      ],
      ages: [3_600],
    });
    expect(seen['info']).toBe('0.67.0');
  });

  it('pushes by gRPC', () => {
    expect(seen['grpc push']).toBe(true);
    expect(seen['pushed']).toEqual({ driver_id: [1005], conv_rate: [0.875] });
  });
});

describe("the curl calls of Feast's documentation", () => {
  function curl(path: string, body: object): { readonly status: number; readonly body: unknown } {
    const url = `http://127.0.0.1:${http}${path}`;
    const ran = spawnSync('curl', ['-sS', '-w', '\n%{http_code}', '-X', 'POST', url, '-d', JSON.stringify(body)], {
      encoding: 'utf8',
    });
    const [status = '', ...lines] = ran.stdout.split('\n').toReversed();
    return { status: Number(status), body: JSON.parse(lines.toReversed().join('\n')) as unknown };
  }

  it('push, then get online features', () => {
    const time = new Date(nowMs - 60_000).toISOString().slice(0, 19).replace('T', ' ');
    const df = {
      driver_id: [2001],
      event_timestamp: [time],
      created: [time],
      conv_rate: [1],
      acc_rate: [1],
      avg_daily_trips: [1000],
    };
    expect(curl('/push', { push_source_name: 'driver_stats_push_source', df })).toEqual({ status: 200, body: null });
    const answer = curl('/get-online-features', {
      features: [
        'driver_hourly_stats:conv_rate',
        'driver_hourly_stats:acc_rate',
        'driver_hourly_stats:avg_daily_trips',
      ],
      entities: { driver_id: [2001, 2002] },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        metadata: { feature_names: ['driver_id', 'conv_rate', 'acc_rate', 'avg_daily_trips'] },
        results: [
          { values: [2001, 2002], statuses: ['PRESENT', 'PRESENT'] },
          { values: [1, null], statuses: ['PRESENT', 'NOT_FOUND'] },
          { values: [1, null] },
          { values: [1000, null] },
        ],
      },
    });
    expect(curl('/get-online-features', { features: ['nobody:x'], entities: {} }).status).toBe(404);
  });

  it('materialize, now and in the background, and materialize-incremental', async () => {
    const range = { start_ts: '2021-01-01T00:00:00', end_ts: new Date(nowMs).toISOString() };
    expect(curl('/materialize', range)).toEqual({ status: 200, body: null });
    expect(curl('/materialize?async=true', { ...range, feature_views: ['driver_day'] })).toEqual({
      status: 202,
      body: { status: 'accepted', feature_views: ['driver_day'] },
    });
    expect(curl('/materialize-incremental', { end_ts: range.end_ts })).toEqual({ status: 200, body: null });
    expect((await fetch(`http://127.0.0.1:${http}/health`)).status).toBe(200);
    const again = curl('/get-online-features', {
      features: ['driver_hourly_stats:conv_rate', 'driver_day:reports'],
      entities: { driver_id: [1001] },
    });
    expect(again.body).toMatchObject({ results: [{}, { values: [0.5] }, { values: [3] }] });
  });
});
