import { drift, driftEventTypes, encodeEvent, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskHandler } from '@everloop/kafka';
import {
  closeWindows,
  createWindowState,
  evaluateWindow,
  isFarAhead,
  restoreChange,
  takeChanges,
  takeDisplaced,
  takePane,
  withLearned,
  type NamedMonitor,
} from '@everloop/drift';
import { undecodable } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Planner } from './planner.ts';
import { createPlans } from './plans.ts';
import type { References } from './references.ts';

export interface WindowTaskOptions {
  readonly references: References;
  readonly planner: Planner;
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

/** The report as an event that begins a flow: an alarm may come of it. */
function reportRecord(report: drift.DriftReport): OutRecord {
  const { id, model, windowEndMs: eventTimeMs } = report;
  const event = encodeEvent({
    ...{ id, type: driftEventTypes.evaluated, source: 'everloop/drift-detector', subject: model, eventTimeMs },
    ...{ correlationId: id, data: drift.DriftReport.toJSON(report) },
  });
  return { topic: topics.driftReport, partition: 0, key: model, ...event };
}

/** Stage 2. Its state is in the changelog `topics.driftState`, under the keys `windows/…` and `plans/…`. */
export interface WindowTask extends TaskHandler {
  /** Takes the newest records of the changelog. */
  restore(records: readonly BusRecord[]): void;
}

/** Merges panes, closes windows on the watermark, and evaluates them; what follows from a report is decided in stage 4. */
export function createWindowTask(options: WindowTaskOptions): WindowTask {
  const { monitors, references, telemetry } = options;
  const state = createWindowState();
  const plans = createPlans(options.planner, (plan) => telemetry.planned(plan));
  return {
    restore(records) {
      for (const { key, value } of records) {
        if (key === null || value === null) continue;
        restoreChange(state, key.toString('utf8'), value);
        plans.restore(key.toString('utf8'), value);
      }
    },
    onRecords(batch) {
      const applied = monitors();
      for (const record of batch.records) {
        if (record.value === null) continue;
        const pane = decode(record);
        if (isFarAhead(state, pane)) telemetry.ahead(pane.model, pane.rows);
        const taken = takePane(state, applied, pane);
        if (taken === 'taken') plans.foresee(applied, pane);
        else telemetry.refused(pane.model, pane.rows, taken);
      }
      for (const [model, rows] of takeDisplaced(state)) telemetry.refused(model, rows, 'full');
    },
    async onWatermark(watermarkMs, context) {
      for (const window of closeWindows(state, monitors(), watermarkMs)) {
        const reference = withLearned(state, window, await references.of(window));
        const report = evaluateWindow(window, reference, await plans.policyOf(window, context));
        context.emit(reportRecord(report));
        telemetry.evaluated(report);
      }
      plans.forget(monitors(), context);
      context.emitWatermark(topics.driftReport, watermarkMs, 0);
    },
    flush(context) {
      for (const { key, value } of takeChanges(state)) {
        const bytes = value === null ? null : Buffer.from(value);
        context.emit({ topic: topics.driftState, partition: 0, key, value: bytes });
      }
    },
  };
}
