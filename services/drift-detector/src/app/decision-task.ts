import { drift, topics } from '@everloop/contracts';
import {
  askAgain,
  decide,
  withoutMonitor,
  type Decided,
  type Evaluation,
  type MonitorState,
  type NamedMonitor,
} from '@everloop/drift';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { factsOf } from '../domain/surroundings.ts';
import { undecodable } from '../errors.ts';
import type { SurroundingsLog } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { decisionRecords } from './decision-messages.ts';

export interface DecisionTaskOptions {
  /** The Monitors as applied now. */
  readonly monitors: () => readonly NamedMonitor[];
  /** Sources that a training of the model reads. */
  readonly sourcesOf: (model: string) => readonly string[];
  readonly surroundings: SurroundingsLog;
  readonly telemetry: Telemetry;
}

/** A task whose state is given back from the changelog. */
export interface DecisionTask extends TaskHandler {
  restore(records: readonly BusRecord[]): void;
}

/** Keys of this stage's state: with the Monitor's name behind. */
const prefix = 'decisions/';

function decode<T>(record: BusRecord, read: (json: unknown) => T): T {
  try {
    return read(JSON.parse(record.value?.toString('utf8') ?? ''));
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

function evaluationOf(record: BusRecord): Evaluation {
  return record.topic === topics.driftQuality
    ? { kind: 'quality', report: decode(record, (json) => drift.QualityReport.fromJSON(json)) }
    : { kind: 'window', report: decode(record, (json) => drift.DriftReport.fromJSON(json)) };
}

/**
 * Stage 4: evaluated windows and quality reports in; a decision on each, alerts and requests out. What a Monitor remembers is in the changelog, written in
 * the transaction of the decision, so that a decision that was taken stays, whatever is known after a restart.
 */
export function createDecisionTask(options: DecisionTaskOptions): DecisionTask {
  const { surroundings, telemetry } = options;
  const states = new Map<string, MonitorState>();

  function take(monitor: string, decided: Decided, context: TaskContext): void {
    states.set(monitor, decided.state);
    for (const record of decisionRecords(decided)) context.emit(record);
    const value = JSON.stringify(decided.state);
    context.emit({ topic: topics.driftState, partition: 0, key: prefix + monitor, value });
    telemetry.decided(decided);
  }

  async function onReport(evaluation: Evaluation, context: TaskContext): Promise<void> {
    const { monitor: name, model, windowEndMs } = evaluation.report;
    const monitor = options.monitors().find((one) => one.name === name);
    if (monitor?.spec.model !== model) {
      const decided = withoutMonitor(states.get(name), evaluation);
      take(name, decided, context);
      return;
    }
    const known = await surroundings.read();
    const before = states.get(name);
    const atMs = Math.max(before?.atMs ?? 0, windowEndMs);
    const facts = factsOf(known, { model, sources: options.sourcesOf(model), atMs });
    take(name, decide(before, monitor, evaluation, facts), context);
  }

  return {
    restore(records) {
      for (const record of records) {
        const key = record.key?.toString('utf8') ?? '';
        if (key.startsWith(prefix))
          states.set(
            key.slice(prefix.length),
            decode(record, (json) => json as MonitorState),
          );
      }
    },
    async onRecords(batch, context) {
      for (const record of batch.records) {
        if (record.value !== null) await onReport(evaluationOf(record), context);
      }
    },
    async onWatermark(watermarkMs, context) {
      for (const monitor of options.monitors()) {
        const before = states.get(monitor.name);
        if (before === undefined || before.deferred === null) continue;
        const { model } = before;
        const known = await surroundings.read();
        const facts = factsOf(known, { model, sources: options.sourcesOf(model), atMs: watermarkMs });
        const decided = askAgain(before, monitor, watermarkMs, facts);
        if (decided !== null) take(monitor.name, decided, context);
      }
      context.emitWatermark(topics.retrainingRequested, watermarkMs, 0);
    },
  };
}
