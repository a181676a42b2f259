import { drift, encodeEvent, topics, training } from '@everloop/contracts';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import {
  closeWindows,
  createWindowState,
  judgeWindow,
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

/** Stage 2: merges panes, closes windows on the watermark, reports and decides. Its state comes back by reading the panes again. */
export function createWindowTask(options: WindowTaskOptions): TaskHandler {
  const state = createWindowState();
  return {
    onRecords(batch, context) {
      for (const record of batch.records) {
        if (record.value === null) continue;
        const pane = decode(record);
        if (!takePane(state, pane) && !context.replaying) options.telemetry.latePane(pane.model, pane.rows);
      }
    },
    async onWatermark(watermarkMs, context) {
      for (const window of closeWindows(state, options.monitors(), watermarkMs)) {
        const { model, baselineVersion } = window.counts;
        const baseline = baselineVersion === '' ? null : await options.baselines.get(model, baselineVersion);
        const judgement = judgeWindow(state, window, baseline);
        emitJudgement(context, judgement);
        if (!context.replaying) options.telemetry.judged(window.monitor.name, judgement);
      }
      context.emitWatermark(topics.retrainingRequested, watermarkMs, 0);
    },
  };
}
