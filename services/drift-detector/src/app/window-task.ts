import { drift, encodeEvent, topics, training } from '@everloop/contracts';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import {
  closeWindows,
  createWindowState,
  judgeWindow,
  restoreChange,
  takeChanges,
  takePane,
  type Judgement,
  type NamedMonitor,
} from '@everloop/drift';
import { undecodable } from '../errors.ts';
import type { BaselineStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

export interface WindowTaskOptions {
  readonly baselines: BaselineStore;
  /** The Monitors as applied now, by name. */
  readonly monitors: () => readonly NamedMonitor[];
  readonly telemetry: Telemetry;
}

function decode(record: BusRecord): drift.Pane {
  try {
    return drift.Pane.decode(record.value ?? Buffer.alloc(0));
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

function emit(
  context: TaskContext,
  topic: string,
  id: string,
  model: string,
  eventTimeMs: number,
  data: unknown,
): void {
  const event = encodeEvent({ id, type: topic, source: 'everloop/drift-detector', subject: model, eventTimeMs, data });
  context.emit({ topic, partition: 0, key: model, ...event });
}

function emitJudgement(context: TaskContext, { report, alert, request }: Judgement): void {
  const { model, windowEndMs } = report;
  emit(context, topics.driftReport, report.id, model, windowEndMs, drift.DriftReport.toJSON(report));
  if (alert !== null) emit(context, topics.driftAlert, alert.id, model, windowEndMs, drift.DriftAlert.toJSON(alert));
  if (request !== null) {
    const data = training.RetrainingRequested.toJSON(request);
    emit(context, topics.retrainingRequested, request.id, model, windowEndMs, data);
  }
}

/** Stage 2. Its state is in the changelog `topics.driftState`, under the keys `windows/…`. */
export interface WindowTask extends TaskHandler {
  /** Takes the newest records of the changelog. */
  restore(records: readonly BusRecord[]): void;
}

/** Merges panes, closes windows on the watermark, reports and decides. */
export function createWindowTask(options: WindowTaskOptions): WindowTask {
  const { monitors, baselines, telemetry } = options;
  const state = createWindowState();
  const remember = (context: TaskContext): void => {
    for (const { key, value } of takeChanges(state)) {
      context.emit({ topic: topics.driftState, partition: 0, key, value: value === null ? null : Buffer.from(value) });
    }
  };
  return {
    restore(records) {
      for (const { key, value } of records) {
        if (key !== null && value !== null) restoreChange(state, key.toString('utf8'), value);
      }
    },
    onRecords(batch, context) {
      for (const record of batch.records) {
        if (record.value === null) continue;
        const pane = decode(record);
        const taken = takePane(state, monitors(), pane);
        if (taken !== 'taken') telemetry.refused(pane.model, pane.rows, taken);
      }
      remember(context);
    },
    async onWatermark(watermarkMs, context) {
      for (const window of closeWindows(state, monitors(), watermarkMs)) {
        const { model, baselineVersion } = window.counts;
        const baseline = baselineVersion === '' ? null : await baselines.get(model, baselineVersion);
        const judgement = judgeWindow(state, window, baseline);
        emitJudgement(context, judgement);
        telemetry.judged(window.monitor.name, judgement);
      }
      remember(context);
      context.emitWatermark(topics.retrainingRequested, watermarkMs, 0);
    },
  };
}
