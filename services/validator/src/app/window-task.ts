import { quality } from '@everloop/contracts';
import type { TaskContext, TaskHandler } from '@everloop/kafka';
import { SourceJudge, type Judgement } from '../domain/quality/source-judge.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import { holdRecord, judgedRecord, readQuality, reportRecord, toHold, type HoldEnd } from './quality-messages.ts';

/**
 * The one task that judges the windows of a Source. Everything it knows is in `<topic>.quality`: rules, statistics, what people said, and
 * watermarks; reading that again brings its state back.
 */
export function createWindowTask(source: string, topic: string, telemetry: QualityTelemetry): TaskHandler {
  const judge = new SourceJudge();
  let toldMs: number | null = null;

  function give(judgements: readonly Judgement[], context: TaskContext): void {
    for (const judgement of judgements) {
      for (const hold of holdsOf(judgement)) {
        context.emit(holdRecord(hold));
        if (!context.replaying) telemetry.holdChanged(hold);
      }
      if (judgement.kind === 'released') continue;
      const { report } = judgement.closed;
      context.emit(reportRecord(report));
      telemetry.windowJudged(report, { isNew: !context.replaying });
    }
    for (const [window, hold] of judge.holds) telemetry.holdOpen(source, window, hold !== null);
  }

  function holdsOf(judgement: Judgement): readonly quality.Hold[] {
    if (judgement.kind === 'released') {
      const { hold, untilMs, accept, reason, by } = judgement;
      const end: HoldEnd = {
        ...{ state: quality.HoldState.RELEASED, untilMs, closedAtMs: untilMs, accepted: accept, reason, by },
      };
      return [toHold(source, topic, hold, end)];
    }
    const { report, change } = judgement.closed;
    if (change.kind === 'open') return [toHold(source, topic, change.hold, null)];
    if (change.kind !== 'closed') return [];
    const { hold, untilMs } = change;
    const reason = `${hold.good} good windows in a row`;
    const state = quality.HoldState.CLOSED;
    const end: HoldEnd = { state, untilMs, closedAtMs: report.endMs, accepted: false, reason, by: 'everloop' };
    return [toHold(source, topic, hold, end)];
  }

  /** After what was judged, so that whoever has read this has read the holds before it. */
  function tell(context: TaskContext): void {
    const { judgedMs } = judge;
    if (judgedMs === null || (toldMs !== null && judgedMs <= toldMs)) return;
    toldMs = judgedMs;
    context.emit(judgedRecord(source, judgedMs));
  }

  return {
    onRecords(batch, context) {
      for (const record of batch.records) {
        const input = readQuality(record);
        if (input === null) {
          if (!context.replaying) telemetry.unreadable(source, String(record.offset));
          continue;
        }
        switch (input.kind) {
          case 'definition':
            give(judge.define(input.definition), context);
            break;
          case 'release':
            give(judge.release(input.command), context);
            break;
          case 'pane': {
            const judgements = judge.take(input.batch);
            give(judgements, context);
            if (judgements.length > 0) tell(context);
            const late = judge.takeLateRows() + input.batch.overflowRows;
            if (!context.replaying && late > 0) telemetry.late(source, late);
          }
        }
      }
      telemetry.newest(source, judge.newestMs);
    },
    onWatermark(watermarkMs, context) {
      give(judge.pass(watermarkMs), context);
      tell(context);
    },
  };
}
