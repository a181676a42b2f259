import { drift, outcomes, topics } from '@everloop/contracts';
import type { QualityMonitor } from '@everloop/drift';
import { numberHourOf, outcomeHourOf, performance, statsOf } from '@everloop/drift/outcomes';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics, ServiceError } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createRegistryPromises } from '../adapters/registry-promises.ts';
import type { PromiseQuery } from '../ports.ts';
import { createQualityTelemetry } from '../quality-telemetry.ts';
import { createQualityTask, type QualityTask } from './quality-task.ts';

const hour = 3_600_000;
const day = 24 * hour;
const logger = createLogger({ service: 'test', level: 'silent' });
const telemetry = createQualityTelemetry(logger, createMetrics('drift-detector'));
const watch: QualityMonitor = {
  name: 'watch',
  model: 'm',
  performance,
  waitMs: 6 * hour,
  slices: [],
  isNumeric: false,
};

/** What the task wrote: reports, markers, and its changelog as a table. */
function broker() {
  const state = new Map<string, string>();
  const reports: drift.QualityReport[] = [];
  const records: OutRecord[] = [];
  const markers: [string, number][] = [];
  const context: TaskContext = {
    partition: 0,
    replaying: false,
    emit(record) {
      const value = String(record.value);
      if (record.topic === topics.driftQuality) {
        reports.push(drift.QualityReport.fromJSON(JSON.parse(value)));
        records.push(record);
      } else if (record.value === null) state.delete(String(record.key));
      else state.set(String(record.key), value);
    },
    emitWatermark: (topic, at) => void markers.push([topic, at]),
  };
  return { state, reports, records, markers, context };
}

function record(key: string, value: string | null): BusRecord {
  return {
    ...{ topic: topics.outcomeStats, partition: 0, offset: 3n, headers: {}, timestampMs: 0 },
    ...{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) },
  };
}

const batch = (stats: readonly outcomes.OutcomeStats[]) => ({
  topic: topics.outcomeStats,
  partition: 0,
  records: stats.map((one) => record('m', JSON.stringify(outcomes.OutcomeStats.toJSON(one)))),
});

function task(restoreFrom: ReadonlyMap<string, string> = new Map(), monitors = [watch]): QualityTask {
  const promises = {
    get: async ({ slice, metric }: PromiseQuery) =>
      metric === 'mae' ? { loss: 0.5, rows: 5_000 } : { loss: slice === '' ? 0.51 : 0.52, rows: 5_000 },
  };
  const made = createQualityTask({ promises, telemetry, monitors: () => monitors });
  made.restore([...restoreFrom].map(([key, value]) => record(key, value)));
  return made;
}

const hours = Array.from({ length: 96 }, (_, h) => statsOf(outcomeHourOf(h + 1, h, { wrong: h < 48 ? 0 : 3 })));

describe('quality of a stream of outcomes', () => {
  test('each day is estimated and judged once; the days that are worse are told', async () => {
    const { context, reports, records, markers, state } = broker();
    const one = task();
    await one.onRecords(batch(hours), context);
    await one.onWatermark?.(5 * day, context);
    expect(reports.map(({ kind, verdict, windowEndMs }) => [kind, verdict, windowEndMs / day])).toEqual([
      ['estimated', drift.DriftVerdict.INSUFFICIENT, 1],
      ['performance', drift.DriftVerdict.STABLE, 1],
      ['estimated', drift.DriftVerdict.STABLE, 2],
      ['performance', drift.DriftVerdict.STABLE, 2],
      ['estimated', drift.DriftVerdict.STABLE, 3],
      ['performance', drift.DriftVerdict.DRIFTED, 3],
      ['estimated', expect.anything(), 4],
      ['performance', drift.DriftVerdict.DRIFTED, 4],
    ]);
    expect(new Set(reports.map(({ id }) => id)).size).toBe(8);
    expect(records[1]).toMatchObject({
      ...{ topic: topics.driftQuality, partition: 0, key: 'm' },
      headers: { ce_type: 'io.everloop.drift.quality.evaluated.v1', ce_id: reports[1]?.id, ce_subject: 'm' },
    });
    expect(markers).toEqual([[topics.driftQuality, 5 * day]]);
    // Nothing is kept but what the next window needs.
    expect([...state.keys()].sort()).toEqual(['quality/judged/watch', 'quality/track/watch/1']);
  });

  test('stopped at any place and restored from its changelog it says the same', async () => {
    const undisturbed = broker();
    const disturbed = broker();
    const whole = task();
    let part = task();
    for (let h = 0; h < 130; h += 1) {
      const stats = batch(hours.slice(h, h + 1));
      for (const [one, { context }] of [
        [whole, undisturbed],
        [part, disturbed],
      ] as const) {
        await one.onRecords(stats, context);
        await one.onWatermark?.(h * hour, context);
      }
      if (h % 7 === 0) part = task(disturbed.state);
    }
    expect(undisturbed.reports.length).toBe(8);
    expect(disturbed.reports).toEqual(undisturbed.reports);
    expect(disturbed.state).toEqual(undisturbed.state);
  });

  test('slices are judged beside all predictions, each by what the version promised there, also after a restart', async () => {
    const { context, reports, state } = broker();
    const both: QualityMonitor = { ...watch, performance: { ...performance, estimate: false }, slices: ['jfk'] };
    const slice = hours
      .slice(0, 48)
      .map((_, h) => statsOf(outcomeHourOf(h + 500, h, { slice: 'jfk', rows: 10, wrong: h < 24 ? 0 : 3 })));
    await task(new Map(), [both]).onRecords(batch([...hours.slice(0, 48), ...slice]), context);
    await task(state, [both]).onWatermark?.(3 * day, context);
    expect(reports.map((report) => [report.slice, report.windowEndMs / day, report.verdict, report.labelled])).toEqual([
      ['', 1, drift.DriftVerdict.STABLE, 1440],
      ['jfk', 1, drift.DriftVerdict.STABLE, 240],
      ['', 2, drift.DriftVerdict.STABLE, 1440],
      ['jfk', 2, drift.DriftVerdict.DRIFTED, 240],
    ]);
    expect(reports[3]?.expected).toBe(0.52);
    expect([...state.keys()].sort()).toEqual([
      ...['quality/judged/watch', 'quality/track/watch/1', 'quality/track/watch/1/jfk'],
    ]);
  });

  test('numbers are held to the mean absolute error that the version promised', async () => {
    const { context, reports } = broker();
    const numeric: QualityMonitor = { ...watch, performance: { ...performance, maxMaeExcess: 0.2 }, isNumeric: true };
    const stats = Array.from({ length: 48 }, (_, h) => statsOf(numberHourOf(h + 1, h, { bias: h < 24 ? 0 : 1.5 })));
    const one = task(new Map(), [numeric]);
    await one.onRecords(batch(stats), context);
    await one.onWatermark?.(3 * day, context);
    expect(reports.map(({ metric, expected, verdict }) => [metric, expected, verdict])).toEqual([
      ['mae', 0.5, drift.DriftVerdict.STABLE],
      ['mae', 0.5, drift.DriftVerdict.DRIFTED],
    ]);
  });

  test('a Monitor that is taken back leaves nothing behind', async () => {
    const { context, state } = broker();
    const monitors = [watch];
    const one = task(new Map(), monitors);
    await one.onRecords(batch(hours), context);
    await one.onWatermark?.(2 * day, context);
    expect(state.size).toBeGreaterThan(48);
    monitors.pop();
    await one.onWatermark?.(3 * day, context);
    expect(state.size).toBe(0);
  });

  test('a record that is none stops the task with a code; state of other stages is left alone', async () => {
    const { context } = broker();
    const bad = { topic: topics.outcomeStats, partition: 0, records: [record('m', '{')] };
    expect(() => task(new Map([['notify/x', 'no JSON']])).onRecords(bad, context)).toThrow(/not what its topic holds/);
    expect(() => task(new Map([['quality/hour/x', '{"is":"?"}']]))).toThrow(/not what its topic holds/);
    const gone = { topic: topics.outcomeStats, partition: 0, records: [record('m', null)] };
    expect(task().onRecords(gone, context)).toBeUndefined();
  });
});

describe('what versions promised', () => {
  const query = (slice: string, metric: PromiseQuery['metric'] = 'logLoss'): PromiseQuery => ({
    ...{ model: 'm', version: '1', slice, metric },
  });
  const answer = (metrics: Record<string, number>) => ({ version: { metrics } }) as never;

  test('is what the trainer measured on the newest rows, asked for once', async () => {
    let calls = 0;
    const getVersion = async () => {
      calls += 1;
      return answer({ 'time_holdout.log_loss': 0.4, 'time_holdout.rows': 900 });
    };
    const store = createRegistryPromises({ getVersion }, logger);
    expect(await store.get(query(''))).toEqual({ loss: 0.4, rows: 900 });
    await store.get(query(''));
    expect(calls).toBe(1);
  });

  test('of a model that predicts numbers is its mean absolute error', async () => {
    const metrics = { 'time_holdout.log_loss': 0.4, 'time_holdout.mae': 12.5, 'time_holdout.rows': 900 };
    const store = createRegistryPromises({ getVersion: async () => answer(metrics) }, logger);
    expect(await store.get(query('', 'mae'))).toEqual({ loss: 12.5, rows: 900 });
  });

  test('for a slice is its own figure; none where there is none, or of few rows', async () => {
    const metrics = {
      ...{ 'time_holdout.log_loss': 0.4, 'time_holdout.rows': 900 },
      ...{ 'time_holdout.slice.jfk.log_loss': 0.6, 'time_holdout.slice.jfk.rows': 80 },
      ...{ 'time_holdout.slice.few.log_loss': 0.6, 'time_holdout.slice.few.rows': 49 },
    };
    const store = createRegistryPromises({ getVersion: async () => answer(metrics) }, logger);
    expect(await store.get(query('jfk'))).toEqual({ loss: 0.6, rows: 80 });
    expect(await store.get(query('far'))).toBeNull();
    expect(await store.get(query('few'))).toBeNull();
    expect(await store.get(query(''))).toEqual({ loss: 0.4, rows: 900 });
  });

  test.each([
    ['nothing', {}],
    ['no rows', { 'time_holdout.log_loss': 0.4, 'time_holdout.rows': 0 }],
  ])('%s measured: nothing', async (_, metrics: Record<string, number>) => {
    const store = createRegistryPromises({ getVersion: async () => answer(metrics) }, logger);
    expect(await store.get(query(''))).toBeNull();
  });

  test('a version that is not there promised nothing; a registry that stays away is an error', async () => {
    const failing = (kind: 'terminal' | 'bug') =>
      createRegistryPromises(
        {
          getVersion: async () => {
            throw new ServiceError({ code: 'EVL_TEST', kind, message: kind });
          },
        },
        logger,
      );
    expect(await failing('terminal').get(query(''))).toBeNull();
    await expect(failing('bug').get(query(''))).rejects.toThrow('bug');
  });
});
