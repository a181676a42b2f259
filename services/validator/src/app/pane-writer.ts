import { qualityTopic, type SourceSpec } from '@everloop/contracts';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { PaneCollector, type JudgedRecord } from '../domain/quality/collect.ts';
import { definitionRecord, paneRecord } from './quality-messages.ts';

/** The rules in force now. */
export interface AppliedSource {
  readonly revision: number;
  readonly spec: SourceSpec;
}

/** Counts what a validator judges and writes it, in the transaction of each batch, to `<topic>.quality`. */
export interface PaneWriter {
  /** Told of each record once it is judged. */
  observe(
    record: BusRecord,
    judged: Pick<JudgedRecord, 'record' | 'timeMs' | 'unexpected'> & { readonly kind: string },
  ): void;
  /** The validator with the statistics of its batches and watermarks. */
  around(validator: TaskHandler): TaskHandler;
}

/** `applied` is asked for each batch. Costs nothing while the Source has no window rules. */
export function createPaneWriter(source: string, applied: () => AppliedSource): PaneWriter {
  let collector: PaneCollector | null = null;
  let written = -1;

  /** The rules are written before the first statistics that follow them. */
  function announce({ revision, spec }: AppliedSource, context: TaskContext): boolean {
    const isJudged = (spec.windows ?? []).length > 0;
    // Rules that were taken away are announced too: their holds end.
    if (revision !== written && (isJudged || written >= 0)) context.emit(definitionRecord(source, revision, spec));
    if (isJudged || written >= 0) written = revision;
    return isJudged;
  }

  return {
    observe: ({ offset, timestampMs }, { kind, record, timeMs, unexpected = null }) =>
      collector?.add({ offset, timestampMs, isValid: kind === 'valid', record, timeMs, unexpected }),
    around: (validator) => ({
      async onRecords(batch, context) {
        const now = applied();
        collector = announce(now, context)
          ? new PaneCollector(context.partition, now.revision, now.spec.windows ?? [])
          : null;
        await validator.onRecords(batch, context);
        const panes = collector?.finish() ?? null;
        collector = null;
        if (panes !== null) context.emit(paneRecord(source, now.spec.topic, panes));
      },
      async onWatermark(watermarkMs, context) {
        await validator.onWatermark?.(watermarkMs, context);
        const now = applied();
        if (announce(now, context)) context.emitWatermark(qualityTopic(now.spec.topic), watermarkMs, 0);
      },
    }),
  };
}
