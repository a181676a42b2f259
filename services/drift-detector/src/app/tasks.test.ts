import { drift, driftEventTypes, serving, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { baseline, day, dayOfRows, monitor } from '@everloop/drift/fixtures';
import type { BaselineStore, HistoryStore } from '../ports.ts';
import { createTelemetry } from '../telemetry.ts';
import { createPaneTask } from './pane-task.ts';
import { createPlanner } from './planner.ts';
import { createReferences } from './references.ts';
import { createWindowTask } from './window-task.ts';

const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('drift-detector'));
const baselines: BaselineStore = { get: async (_, version) => (version === '1' ? baseline() : null) };

const histories: HistoryStore = { get: async () => null };
const references = createReferences({ baselines, histories, phasesMax: 1 });
const planner = createPlanner(baselines, histories);

function context(replaying = false) {
  const out: OutRecord[] = [];
  const markers: [string, number, number | undefined][] = [];
  const value: TaskContext = {
    partition: 1,
    replaying,
    emit: (record) => void out.push(record),
    emitWatermark: (topic, watermarkMs, partition) => void markers.push([topic, watermarkMs, partition]),
  };
  return { out, markers, value };
}

function record(topic: string, value: Buffer, offset = 0): BusRecord {
  return { topic, partition: 1, offset: BigInt(offset), key: null, value, headers: {}, timestampMs: 0 };
}

const inferences = (rows: readonly serving.Inference[]): readonly BusRecord[] =>
  rows.map((row, i) => record(topics.inferenceServed, Buffer.from(serving.Inference.encode(row).finish()), i));

describe('both stages', () => {
  test('predictions become panes, panes a report', async () => {
    const panes = context();
    const first = createPaneTask({ baselines, telemetry, unitOf: () => undefined });
    for (let i = 0; i < 7; i += 1) {
      const records = inferences(dayOfRows(i + 1, i * day, 150, 0.4));
      await first.onRecords({ topic: topics.inferenceServed, partition: 1, records }, panes.value);
    }
    await first.onWatermark?.(7 * day, panes.value);
    await first.flush?.(panes.value);
    expect(panes.out.length).toBe(7 * 24);
    expect(panes.out[0]).toMatchObject({
      topic: topics.driftPane,
      partition: 0,
      key: 'm',
      headers: { ce_type: topics.driftPane },
    });
    expect(panes.markers).toEqual([[topics.driftPane, 7 * day, 0]]);

    const windows = context();
    const second = createWindowTask({ references, planner, telemetry, monitors: () => [monitor()] });
    const records = panes.out.map(({ value }, i) => record(topics.driftPane, Buffer.from(value ?? ''), i));
    await second.onRecords({ topic: topics.driftPane, partition: 0, records }, windows.value);
    await second.onWatermark?.(7 * day, windows.value);
    const told = windows.out.filter(({ topic }) => topic !== topics.driftState);
    expect(told.map(({ topic }) => topic)).toEqual([topics.driftReport]);
    const report = drift.DriftReport.fromJSON(JSON.parse(String(told[0]?.value)));
    expect(report).toMatchObject({ verdict: drift.DriftVerdict.DRIFTED, rows: 1050 });
    expect(told[0]?.headers).toMatchObject({
      ce_id: report.id,
      ce_subject: 'm',
      ce_type: driftEventTypes.evaluated,
      ce_correlationid: report.id,
      ce_time: '1970-01-08T00:00:00.000Z',
    });
    expect(windows.markers).toEqual([[topics.driftReport, 7 * day, 0]]);
  });

  test('rows are counted by the unit that a Monitor names', async () => {
    const panes = context();
    const task = createPaneTask({ baselines, telemetry, unitOf: (model) => (model === 'm' ? 'carrier' : undefined) });
    const records = inferences(dayOfRows(1, 0, 20, 0).map((row) => ({ ...row, eventTimeMs: 0 })));
    await task.onRecords({ topic: topics.inferenceServed, partition: 1, records }, panes.value);
    await task.flush?.(panes.value);
    const pane = drift.Pane.decode(Buffer.from(panes.out[0]?.value ?? ''));
    expect([pane.units?.hashes.length, pane.units?.counts.reduce((sum, count) => sum + count, 0)]).toEqual([3, 20]);
  });

  test('a task that was restored from its changelog goes on as if nothing had happened', async () => {
    const panes = context();
    const first = createPaneTask({ baselines, telemetry, unitOf: () => undefined });
    for (let i = 0; i < 7; i += 1) {
      const rows = inferences(dayOfRows(i + 1, i * day, 150, 0.4));
      await first.onRecords({ topic: topics.inferenceServed, partition: 1, records: rows }, panes.value);
    }
    await first.flush?.(panes.value);
    const records = panes.out.map(({ value }, i) => record(topics.driftPane, Buffer.from(value ?? ''), i));
    const options = { references, planner, telemetry, monitors: () => [monitor()] };
    const run = async (restarts: boolean): Promise<readonly OutRecord[]> => {
      const out: OutRecord[] = [];
      let task = createWindowTask(options);
      for (let from = 0; from < records.length; from += 50) {
        const windows = context();
        const batch = records.slice(from, from + 50);
        await task.onRecords({ topic: topics.driftPane, partition: 0, records: batch }, windows.value);
        await task.onWatermark?.(from === 150 ? 7 * day : 0, windows.value);
        await task.flush?.(windows.value);
        out.push(...windows.out);
        if (!restarts) continue;
        const newest = new Map(out.filter(({ topic }) => topic === topics.driftState).map((one) => [one.key, one]));
        task = createWindowTask(options);
        task.restore(
          [...newest.values()].map(({ key, value }) => ({
            ...record(topics.driftState, Buffer.from(value ?? '')),
            key: Buffer.from(String(key)),
            value: value === null ? null : Buffer.from(value),
          })),
        );
      }
      return out;
    };
    const [undisturbed, restarted] = [await run(false), await run(true)];
    expect(restarted).toEqual(undisturbed);
    expect(undisturbed.filter(({ topic }) => topic === topics.driftReport)).toHaveLength(1);
  });

  test('rows without room and rows of the far future are told, by model', async () => {
    const own = createMetrics('drift-detector');
    const task = createWindowTask({
      ...{ references, planner, telemetry: createTelemetry(createLogger({ service: 'test', level: 'silent' }), own) },
      monitors: () => [],
    });
    const paneAt = (model: string, at: number): BusRecord =>
      record(topics.driftPane, Buffer.from(drift.Pane.encode(drift.Pane.fromPartial({ model, startMs: at * 3_600_000, rows: 2 })).finish())); // prettier-ignore
    const future = Array.from({ length: 20_000 }, (_, i) => paneAt('wrong', 1e6 + i));
    await task.onWatermark?.(0, context().value);
    for (const records of [future, [paneAt('right', 1)], [paneAt('wrong', 2e6)]])
      await task.onRecords({ topic: topics.driftPane, partition: 0, records }, context().value);
    const text = await own.text();
    expect(text).toMatch(/^everloop_drift_ahead_rows_total\{[^}]*model="wrong"[^}]*\} 40002$/m);
    expect(text).toMatch(/^everloop_drift_overflow_rows_total\{[^}]*model="wrong"[^}]*\} 4$/m);
    expect(text).not.toMatch(/model="right"/);
  });

  test('bytes that are no Inference or Pane stop the task with a code', async () => {
    const served = {
      topic: topics.inferenceServed,
      partition: 1,
      records: [record(topics.inferenceServed, Buffer.from([10, 200]))],
    };
    await expect(
      createPaneTask({ baselines, telemetry, unitOf: () => undefined }).onRecords(served, context().value),
    ).rejects.toMatchObject({
      code: 'EVL_DRIFT_UNDECODABLE',
    });
    const pane = { topic: topics.driftPane, partition: 0, records: [record(topics.driftPane, Buffer.from('{'))] };
    const task = createWindowTask({ references, planner, telemetry, monitors: () => [] });
    expect(() => task.onRecords(pane, context().value)).toThrow(/EVL_DRIFT|not what its topic holds/);
  });
});
