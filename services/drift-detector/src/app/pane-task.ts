import { drift, encodeEvent, eventId, serving, topics } from '@everloop/contracts';
import type { Batch, TaskHandler } from '@everloop/kafka';
import { countPane, groupRows } from '@everloop/drift';
import { undecodable } from '../errors.ts';
import type { BaselineStore } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

function decode(batch: Batch): readonly serving.Inference[] {
  return batch.records.flatMap((record) => {
    if (record.value === null) return [];
    try {
      return serving.Inference.decode(record.value);
    } catch (error) {
      throw undecodable(record.topic, record.partition, record.offset, error);
    }
  });
}

export interface PaneTaskOptions {
  readonly baselines: BaselineStore;
  readonly telemetry: Telemetry;
  /** Field that rows of a model belong to, as its Monitors say; undefined: what the routing draw was made for. */
  readonly unitOf: (model: string) => string | undefined;
}

/** Stage 1, stateless: counts each batch of predictions into panes. */
export function createPaneTask({ baselines, telemetry, unitOf }: PaneTaskOptions): TaskHandler {
  return {
    async onRecords(batch, context) {
      const cause = `${batch.topic}/${batch.partition}/${batch.records[0]?.offset ?? 0n}`;
      for (const rows of groupRows(decode(batch))) {
        const { model, baselineVersion, startMs } = rows;
        const baseline = baselineVersion === '' ? null : await baselines.get(model, baselineVersion);
        const pane = countPane(rows, baseline, unitOf(model));
        const event = encodeEvent({
          id: eventId('pane', model, baselineVersion, String(startMs), cause),
          type: topics.driftPane,
          source: 'everloop/drift-detector',
          subject: model,
          eventTimeMs: startMs,
          data: null,
        });
        const value = Buffer.from(drift.Pane.encode(pane).finish());
        const headers = { ...event.headers, 'content-type': 'application/protobuf' };
        context.emit({ topic: topics.driftPane, partition: 0, key: model, value, headers });
        telemetry.counted(model, pane.rows);
      }
    },
    onWatermark(watermarkMs, context) {
      context.emitWatermark(topics.driftPane, watermarkMs, 0);
    },
  };
}
