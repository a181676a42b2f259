import { drift, driftEventTypes, topics } from '@everloop/contracts';
import { day, monitor } from '@everloop/drift/fixtures';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createSurroundings, hear } from '../domain/surroundings.ts';
import { createTelemetry } from '../telemetry.ts';
import { createDecisionTask, type DecisionTask } from './decision-task.ts';

const metrics = createMetrics('drift-detector');
const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), metrics);
const { DRIFTED, STABLE } = drift.DriftVerdict;

function context() {
  const out: OutRecord[] = [];
  const markers: [string, number, number | undefined][] = [];
  const value: TaskContext = {
    ...{ partition: 0, replaying: false },
    emit: (one) => void out.push(one),
    emitWatermark: (topic, watermarkMs, partition) => void markers.push([topic, watermarkMs, partition]),
  };
  return { out, markers, value };
}

function record(topic: string, json: unknown): BusRecord {
  const value = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  return { topic, partition: 0, offset: 0n, key: Buffer.from('m'), value, headers: {}, timestampMs: 0 };
}

function report(endDay: number, verdict: drift.DriftVerdict = DRIFTED, name = 'watch'): BusRecord {
  const message = drift.DriftReport.fromPartial({
    ...{ id: `w${endDay}`, model: 'm', baselineVersion: '1', monitor: name, verdict, windowEndMs: endDay * day },
    fields: [{ field: 'temp', psi: 0.5, drifted: verdict === DRIFTED }],
  });
  return record(topics.driftReport, drift.DriftReport.toJSON(message));
}

function setUp(known = createSurroundings()) {
  const make = (): DecisionTask =>
    createDecisionTask({
      ...{ telemetry, monitors: () => [monitor({ coolDownMs: 10 * day })], sourcesOf: () => ['s'] },
      surroundings: { read: async () => known },
    });
  const { out, markers, value } = context();
  return { known, make, out, markers, value };
}

const batch = (...records: readonly BusRecord[]) => ({ topic: topics.driftReport, partition: 0, records });
const ids = (records: readonly OutRecord[]) =>
  records.filter(({ topic }) => topic !== topics.driftState).map(({ headers }) => headers?.['ce_id']);

describe('stage 4', () => {
  test('writes the decision, its alert and its request, tied together, with its state', async () => {
    const { make, out, value, markers } = setUp();
    const task = make();
    await task.onRecords(batch(report(1)), value);
    await task.onWatermark?.(day, value);
    expect(out.map(({ topic, key, headers }) => [topic, key, headers?.['ce_type']])).toEqual([
      [topics.driftDecision, 'm', driftEventTypes.requested],
      [topics.driftAlert, 'm', driftEventTypes.detected],
      [topics.retrainingRequested, 'm', topics.retrainingRequested],
      [topics.driftState, 'decisions/watch', undefined],
    ]);
    const decisionId = out[0]?.headers?.['ce_id'];
    expect(out.slice(0, 3).map(({ headers }) => [headers?.['ce_correlationid'], headers?.['ce_causationid']])).toEqual([
      ['w1', 'w1'],
      ['w1', 'w1'],
      ['w1', decisionId],
    ]);
    expect(markers).toEqual([[topics.retrainingRequested, day, 0]]);
  });

  test('goes on from its changelog where it stopped', async () => {
    const undisturbed = setUp();
    const one = undisturbed.make();
    const reports = [report(1), report(2), report(3, STABLE), report(12)];
    for (const each of reports) await one.onRecords(batch(each), undisturbed.value);

    const killed = setUp();
    for (const each of reports) {
      const task = killed.make();
      const newest = new Map(
        killed.out.filter(({ topic }) => topic === topics.driftState).map(({ key, value }) => [key, value] as const),
      );
      const changelog = [...newest].map(([key, value]) => ({
        ...record(topics.driftState, String(value)),
        key: Buffer.from(String(key)),
      }));
      task.restore([...changelog, { ...record(topics.driftState, '{}'), key: Buffer.from('notify/x/y') }]);
      await task.onRecords(batch(each), killed.value);
    }
    expect(killed.out).toEqual(undisturbed.out);
    expect(new Set(ids(killed.out)).size).toBe(ids(killed.out).length);
  });

  test('asks again at a watermark when what was waited for holds, once', async () => {
    const { known, make, out, value } = setUp();
    const step = (action: string) => ({
      topic: topics.rolloutStep,
      key: 'm',
      json: { model: 'm', version: '2', action },
    });
    hear(known, step('canary'));
    const task = make();
    await task.onRecords(batch(report(1)), value);
    await task.onWatermark?.(2 * day, value);
    expect(out[0]?.headers?.['ce_type']).toBe(driftEventTypes.deferred);
    expect(out.filter(({ topic }) => topic === topics.retrainingRequested)).toEqual([]);
    hear(known, step('promoted'));
    await task.onWatermark?.(3 * day, value);
    await task.onWatermark?.(4 * day, value);
    const requests = out.filter(({ topic }) => topic === topics.retrainingRequested);
    expect(requests.map(({ headers }) => headers?.['ce_time'])).toEqual([new Date(3 * day).toISOString()]);
  });

  test('decides on quality reports as well', async () => {
    const { make, out, value } = setUp();
    const message = drift.QualityReport.fromPartial({
      ...{
        id: 'q',
        model: 'm',
        modelVersion: '1',
        monitor: 'watch',
        kind: 'performance',
        verdict: DRIFTED,
        windowEndMs: day,
      },
    });
    const records = [record(topics.driftQuality, drift.QualityReport.toJSON(message))];
    await make().onRecords({ topic: topics.driftQuality, partition: 0, records }, value);
    expect(JSON.parse(String(out[0]?.value))).toMatchObject({ kind: 'performance', reportId: 'q' });
  });

  test('a report of a Monitor that is gone has its decision, too', async () => {
    const { make, out, value } = setUp();
    await make().onRecords(batch(report(1, DRIFTED, 'gone')), value);
    expect(JSON.parse(String(out[0]?.value))).toMatchObject({ reason: 'Monitor gone of m is no longer applied' });
    expect(out.map(({ topic }) => topic)).toEqual([topics.driftDecision, topics.driftState]);
  });

  test('what is no report stops the task with a code', async () => {
    const { make, value } = setUp();
    await expect(
      async () => await make().onRecords(batch(record(topics.driftReport, '{')), value),
    ).rejects.toMatchObject({
      code: 'EVL_DRIFT_UNDECODABLE',
    });
  });
});
