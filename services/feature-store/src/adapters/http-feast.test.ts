import { createHttpPart } from '@everloop/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { feastOver, nowMs } from '../../test/feast-server.ts';
import { silentTelemetry } from '../../test/fixtures.ts';
import { addFeastRoutes } from './http-feast.ts';

const hour = 3_600_000;
let server: ReturnType<typeof createHttpPart>;
let world: ReturnType<typeof feastOver>;
let isHealthy = true;
let isBehind = false;

beforeEach(async () => {
  isHealthy = true;
  isBehind = false;
  world = feastOver(
    [
      {
        driver_id: 1001,
        event_timestamp: nowMs - 2 * hour,
        conv_rate: 0.25,
        avg_daily_trips: 7,
        on_duty: true,
        name: 'Åsa',
      },
      { driver_id: 1001, event_timestamp: nowMs - hour, conv_rate: 0.5, avg_daily_trips: 8, on_duty: false },
      { driver_id: 1002, event_timestamp: nowMs - 30 * hour, conv_rate: 0.75 },
      { driver_id: 1003, event_timestamp: nowMs - 1_500, conv_rate: null },
    ],
    () => isBehind,
  );
  server = createHttpPart({
    name: 'feast',
    host: '127.0.0.1',
    port: 0,
    portVariable: 'EVL_FEAST_PORT',
    logger: silentTelemetry.logger,
    routes: (app) =>
      addFeastRoutes(app, { calls: world.calls, isHealthy: () => isHealthy, telemetry: silentTelemetry }),
  });
  await server.start();
});
afterEach(() => server.stop());

async function post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    body: text,
    // As curl -d does without a header.
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  return { status: response.status, body: await response.json() };
}

describe('POST /get-online-features', () => {
  it('answers in columns, entity keys first, with statuses and event times', async () => {
    const { status, body } = await post('/get-online-features', {
      features: ['driver_hourly_stats:conv_rate', 'driver_hourly_stats:avg_daily_trips', 'driver_day:reports'],
      entities: { driver_id: [1001, 1002, 1003, 1004] },
    });
    const none = '1970-01-01T00:00:00Z';
    const times = ['2022-05-13T10:00:00Z', '2022-05-12T05:00:00Z', '2022-05-13T10:59:58.500Z', none];
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        metadata: { feature_names: ['driver_id', 'conv_rate', 'avg_daily_trips', 'reports'] },
        results: [
          {
            values: [1001, 1002, 1003, 1004],
            statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'PRESENT'],
            event_timestamps: [none, none, none, none],
          },
          {
            values: [0.5, null, null, null],
            statuses: ['PRESENT', 'OUTSIDE_MAX_AGE', 'NULL_VALUE', 'NOT_FOUND'],
            event_timestamps: times,
          },
          {
            values: [8, null, null, null],
            statuses: ['PRESENT', 'OUTSIDE_MAX_AGE', 'NULL_VALUE', 'NOT_FOUND'],
            event_timestamps: times,
          },
          {
            values: [2, 0, 1, null],
            statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'NOT_FOUND'],
            event_timestamps: times,
          },
        ],
        status: true,
      },
    });
  });

  it('knows full names, versions of views, booleans, texts and lists', async () => {
    const { body } = await post('/get-online-features', {
      features: ['driver_hourly_stats@v3:on_duty', 'driver_hourly_stats:name', 'driver_day:latest'],
      entities: { driver_id: [1001, 1003] },
      full_feature_names: true,
      include_feature_view_version_metadata: true,
    });
    expect(body).toMatchObject({
      metadata: {
        feature_names: ['driver_id', 'driver_hourly_stats__on_duty', 'driver_hourly_stats__name', 'driver_day__latest'],
        feature_view_metadata: [
          { name: 'driver_hourly_stats', version: 3 },
          { name: 'driver_day', version: 1 },
        ],
      },
      results: [
        {},
        { values: [false, null], statuses: ['PRESENT', 'NULL_VALUE'] },
        { values: [null, null] },
        { values: [[0.5, 0.25], []] },
      ],
    });
  });

  it.each([
    ['driver_activity', ['conv_rate', 'name', 'reports', 'rate_per_report', 'is_good']],
    ['driver_activity@1', ['conv_rate', 'reports', 'rate_per_report', 'is_good']],
  ])('answers for the feature service %s', async (feature_service, names) => {
    const entities = { driver_id: [1001, 1004] };
    const { status, body } = await post('/get-online-features', { feature_service, entities });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { metadata: { feature_names: ['driver_id', ...names] } },
    });
    const { results } = body as { results: { values: unknown[]; statuses: string[] }[] };
    expect(results.at(-2)).toMatchObject({ values: [0.25, null], statuses: ['PRESENT', 'NULL_VALUE'] });
    expect(results.at(-1)?.values).toEqual([true, null]);
  });

  it.each([
    ['an unknown view', { features: ['nobody:x'] }, 404, 'FeatureViewNotFoundException'],
    ['an unknown feature', { features: ['driver_day:x'] }, 404, 'FeastObjectNotFoundException'],
    ['another version of a view', { features: ['driver_day@v9:best'] }, 404, 'FeatureViewVersionNotFound'],
    ['an unknown feature service', { feature_service: 'nobody' }, 404, 'FeatureServiceNotFoundException'],
    ['an unknown entity', { entities: { driver_id: [1], rider: [2] } }, 404, 'EntityNotFoundException'],
    ['a missing entity', { entities: {} }, 422, 'FeastError'],
    ['entities of unequal length', { entities: { driver_id: [1], rider: [] } }, 422, 'FeastError'],
    ['a text where the entity is a number', { entities: { driver_id: ['a'] } }, 422, 'FeastError'],
    ['no features', { features: [] }, 422, 'FeastError'],
    ['a feature without a view', { features: ['best'] }, 422, 'FeastError'],
    ['a name twice', { features: ['driver_hourly_stats:name', 'driver_hourly_stats@v3:name'] }, 200, null],
  ])("answers %s with Feast's error", async (_, part, status, name) => {
    const whole = { features: ['driver_day:best'], entities: { driver_id: [1001] }, ...part };
    const answer = await post('/get-online-features', whole);
    expect(answer.status).toBe(status);
    if (name === null) return;
    // A JSON text in JSON, as Feast's server has it.
    expect(JSON.parse(String(answer.body))).toMatchObject({ module: 'feast.errors', class: name });
  });

  it.each([
    ['{', 'json_invalid', ['body', 0]],
    ['[]', 'model_attributes_type', ['body']],
    ['{}', 'missing', ['body', 'entities']],
    ['{"entities":{"driver_id":7}}', 'list_type', ['body', 'entities', 'driver_id']],
    ['{"entities":{"driver_id":[{}]}}', 'scalar_type', ['body', 'entities', 'driver_id', 0]],
    ['{"entities":{},"features":"x"}', 'list_type', ['body', 'features']],
    ['{"entities":{},"full_feature_names":"yes"}', 'bool_type', ['body', 'full_feature_names']],
    ['{"entities":{},"feature_service":7}', 'string_type', ['body', 'feature_service']],
  ])('answers the body %s as FastAPI does', async (body, type, loc) => {
    expect(await post('/get-online-features', body)).toMatchObject({ status: 422, body: { detail: [{ type, loc }] } });
  });
});

describe('writes', () => {
  const df = {
    driver_id: [1001],
    event_timestamp: ['2022-05-13 10:59:42'],
    created: ['2022-05-13 10:59:42'],
    conv_rate: [1],
  };

  it.each([
    ['/push', { push_source_name: 'driver_stats_push_source', df, to: 'online_and_offline' }],
    ['/write-to-online-store', { feature_view_name: 'driver_day', df }],
  ])('%s brings the rows to the log of the Source', async (path, body) => {
    expect(await post(path, body)).toEqual({ status: 200, body: null });
    expect(world.pushed).toMatchObject([{ source: 'driver_stats_push_source', waitMs: 10 }]);
    expect(JSON.parse(world.pushed[0]?.recordsJson[0] ?? '')).toEqual({
      driver_id: 1001,
      event_timestamp: '2022-05-13T10:59:42Z',
      created: '2022-05-13T10:59:42Z',
      conv_rate: 1,
    });
  });

  it('sends many rows in parts', async () => {
    const many = Object.fromEntries(Object.entries(df).map(([name, [value]]) => [name, new Array(2_500).fill(value)]));
    expect((await post('/push', { push_source_name: 'driver_stats_push_source', df: many })).status).toBe(200);
    expect(world.pushed.map(({ recordsJson }) => recordsJson.length)).toEqual([1_000, 1_000, 500]);
  });

  it.each([
    ['/push', { push_source_name: 'nobody', df }, 422, 'PushSourceNotFoundException'],
    ['/write-to-online-store', { feature_view_name: 'nobody', df }, 404, 'FeatureViewNotFoundException'],
    ['/push', { push_source_name: 'driver_stats_push_source', df: { ...df, conv_rate: [7] } }, 422, 'FeastError'],
    ['/push', { push_source_name: 'driver_stats_push_source', df: { ...df, conv_rate: [] } }, 422, 'FeastError'],
  ])('%s refuses %j', async (path, body, status, name) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(String(answer.body))).toMatchObject({ class: name });
  });

  it('refuses an unknown target', async () => {
    const answer = await post('/push', { push_source_name: 'driver_stats_push_source', df, to: 'nowhere' });
    expect(answer).toMatchObject({ status: 422, body: { detail: [{ type: 'enum', loc: ['body', 'to'] }] } });
  });
});

describe('materialisation', () => {
  const range = { start_ts: '2022-05-12T00:00:00', end_ts: '2022-05-13 00:00:00+00:00' };

  it('covers the range of event time, its end included', async () => {
    const answer = await post('/materialize', { ...range, feature_views: ['driver_day'] });
    expect(answer).toEqual({ status: 200, body: null });
    const [fromMs, untilMs] = [Date.UTC(2022, 4, 12), Date.UTC(2022, 4, 13) + 1];
    expect(world.materialised).toEqual([{ views: ['driver_day'], fromMs, untilMs }]);
  });

  it('goes on behind an early answer, once at a time unless forced', async () => {
    const all = { disable_event_timestamp: true };
    const views = ['driver_hourly_stats', 'driver_day'];
    const accepted = { status: 202, body: { status: 'accepted', feature_views: views } };
    expect(await post('/materialize?async=true', all)).toEqual(accepted);
    expect(await post('/materialize?async=true', all)).toMatchObject({ status: 409 });
    expect(await post('/materialize?async=true&force=true', all)).toEqual(accepted);
    expect(world.materialised).toHaveLength(2);
  });

  it('of what is new is the stream, for which it waits', async () => {
    expect(await post('/materialize-incremental', { end_ts: range.end_ts })).toEqual({ status: 200, body: null });
    expect(world.materialised).toEqual([]);
    expect(world.covered).toEqual(['driver_hourly_stats', 'driver_day']);
    const unknown = await post('/materialize-incremental', { end_ts: range.end_ts, feature_views: ['nobody'] });
    expect(unknown.status).toBe(404);
    isBehind = true;
    const behind = await post('/materialize-incremental', { end_ts: range.end_ts, feature_views: ['driver_day'] });
    expect(behind.status).toBe(503);
    expect(String(behind.body)).toContain('not yet before 9');
    expect((await post('/materialize-incremental?async=true', { end_ts: range.end_ts })).status).toBe(202);
    expect(world.failures).toHaveLength(1);
  });

  it.each([
    [{}, ['body', 'start_ts']],
    [{ start_ts: 'soon', end_ts: 'later' }, ['body', 'start_ts']],
    [{ start_ts: range.end_ts, end_ts: range.start_ts }, ['body', 'end_ts']],
  ])('refuses %j', async (body, loc) => {
    expect(await post('/materialize', body)).toMatchObject({ status: 422, body: { detail: [{ loc }] } });
  });
});

it('tells its health, and what it does not have', async () => {
  const health = async (): Promise<number> => (await fetch(`http://127.0.0.1:${server.port}/health`)).status;
  expect(await health()).toBe(200);
  isHealthy = false;
  expect(await health()).toBe(503);
  expect(await post('/search', {})).toEqual({ status: 404, body: { detail: 'Not Found' } });
});
