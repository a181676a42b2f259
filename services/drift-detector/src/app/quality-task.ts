import { drift, driftEventTypes, encodeEvent, outcomes, topics } from '@everloop/contracts';
import {
  closeWindow,
  createQualityState,
  dueQuality,
  estimatePerformance,
  forget,
  judgedBy,
  judgePerformance,
  takeOutcomes,
  trackKey,
  type QualityMonitor,
} from '@everloop/drift';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { undecodable } from '../errors.ts';
import type { PromiseStore } from '../ports.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import {
  encodeHour,
  encodeJudged,
  encodeTrack,
  hourEntryKey,
  judgedEntryKey,
  qualityPrefix,
  restoreEntry,
  trackEntryKey,
} from './quality-codec.ts';

export interface QualityTaskOptions {
  readonly promises: PromiseStore;
  /** The Monitors that watch quality, as applied now, by name. */
  readonly monitors: () => readonly QualityMonitor[];
  readonly telemetry: QualityTelemetry;
}

/** A task whose state is given back from the changelog. */
export interface QualityTask extends TaskHandler {
  restore(records: readonly BusRecord[]): void;
}

function decode<T>(record: BusRecord, read: (text: string) => T): T {
  try {
    return read(record.value?.toString('utf8') ?? '');
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

function emitReport(context: TaskContext, report: drift.QualityReport): void {
  const event = encodeEvent({
    ...{ id: report.id, type: driftEventTypes.quality, source: 'everloop/drift-detector' },
    ...{ subject: report.model, eventTimeMs: report.windowEndMs, data: drift.QualityReport.toJSON(report) },
  });
  context.emit({ topic: topics.driftQuality, partition: 0, key: report.model, ...event });
}

/** Stage 3: gathers outcomes by hour, and closes windows of them on the watermark: with labels, or by scores alone while labels are missing. */
export function createQualityTask(options: QualityTaskOptions): QualityTask {
  const { promises, telemetry } = options;
  const state = createQualityState();
  const keep = (context: TaskContext, key: string, value: string | null): void =>
    context.emit({ topic: topics.driftState, partition: 0, key, value });

  return {
    restore(records) {
      for (const record of records) {
        if (record.key?.toString('utf8').startsWith(qualityPrefix) !== true) continue;
        decode(record, (text) => restoreEntry(state, text));
      }
    },
    onRecords(batch, context) {
      const monitors = options.monitors();
      const changed = new Set<string>();
      for (const record of batch.records) {
        if (record.value === null) continue;
        const stats = decode(record, (text) => outcomes.OutcomeStats.fromJSON(JSON.parse(text)));
        for (const key of takeOutcomes(state, monitors, stats)) changed.add(key);
      }
      for (const key of changed) {
        const hour = state.hours.get(key);
        keep(context, hourEntryKey(key), hour === undefined ? null : encodeHour(hour));
      }
    },
    async onWatermark(watermarkMs, context) {
      const monitors = options.monitors();
      for (const due of dueQuality(state, monitors, watermarkMs)) {
        const { model, version, slice, metric } = due.window;
        const { name, performance, slices } = due.monitor;
        const key = trackKey(name, version, slice);
        const promised = await promises.get({ model, version, slice, metric });
        const judge = due.kind === 'performance' ? judgePerformance : estimatePerformance;
        const spec = judgedBy(performance, slice, slices.length);
        const { report, track } = judge(due.window, spec, promised, state.tracks.get(key));
        closeWindow(state, due, track);
        emitReport(context, report);
        keep(context, trackEntryKey(key), encodeTrack({ monitor: name, version, slice, track }));
        const judged = state.judged.get(name);
        if (judged !== undefined) keep(context, judgedEntryKey(name), encodeJudged(name, judged));
        telemetry.judged(report);
      }
      const gone = forget(state, monitors);
      for (const key of gone.hours) keep(context, hourEntryKey(key), null);
      for (const key of gone.tracks) keep(context, trackEntryKey(key), null);
      for (const name of gone.judged) keep(context, judgedEntryKey(name), null);
      context.emitWatermark(topics.driftQuality, watermarkMs, 0);
    },
  };
}
