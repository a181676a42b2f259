import { outcomes, topics, training, type RolloutSpec } from '@everloop/contracts';
import type { Batch, BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { decide, type Effect } from '../domain/decide.ts';
import { newModelState, withCandidate, withStats, type ModelState } from '../domain/state.ts';
import type { StageBook } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { routeOf, routeRecord, stepOf, stepRecord } from './messages.ts';

export interface ControllerOptions {
  /** The Rollout of a model as applied now, or undefined. */
  readonly rolloutOf: (model: string) => RolloutSpec | undefined;
  readonly stages: StageBook;
  readonly telemetry: Telemetry;
}

/**
 * The single task: job events and outcome statistics in, stages, routes and steps out. Decides on watermarks only. While state is
 * rebuilt from the log the decisions are taken again and their effects are dropped, since they happened.
 */
export function createController(options: ControllerOptions): TaskHandler {
  const states = new Map<string, ModelState>();
  const stateOf = (model: string): ModelState => states.get(model) ?? newModelState(model);

  return {
    onRecords: (batch: Batch) => {
      for (const record of batch.records) take(record, batch.topic);
    },
    onWatermark: async (watermarkMs, context) => {
      for (const model of [...states.keys()].sort()) await decideFor(model, watermarkMs, context);
      context.emitWatermark(topics.route, watermarkMs, 0);
    },
  };

  function take(record: BusRecord, topic: string): void {
    const json: unknown = JSON.parse(record.value?.toString('utf8') ?? '{}');
    if (topic === topics.trainingJob) {
      const job = training.JobEvent.fromJSON(json);
      if (job.state !== training.JobState.SUCCEEDED || job.versionStage !== 'approved') return;
      states.set(job.model, withCandidate(stateOf(job.model), { version: job.version, approvedAtMs: job.eventTimeMs }));
      return;
    }
    const stats = outcomes.OutcomeStats.fromJSON(json);
    states.set(stats.model, withStats(stateOf(stats.model), { ...stats, version: stats.modelVersion }));
  }

  async function decideFor(model: string, watermarkMs: number, context: TaskContext): Promise<void> {
    const spec = options.rolloutOf(model);
    const before = stateOf(model);
    if (spec === undefined) {
      if (before.waiting.length > 0) options.telemetry.rolloutMissing(model);
      return;
    }
    const { state, effects } = decide(before, spec, watermarkMs);
    states.set(model, state);
    if (context.replaying) return;
    for (const effect of effects) await perform(state, spec, effect, watermarkMs, context);
  }

  async function perform(
    state: ModelState,
    spec: RolloutSpec,
    effect: Effect,
    eventTimeMs: number,
    context: TaskContext,
  ): Promise<void> {
    switch (effect.kind) {
      case 'set-stage':
        // Before the transaction commits, and idempotent: a crash in between repeats it.
        await options.stages.setStage({ ...effect, model: state.model, eventTimeMs });
        return;
      case 'step': {
        const step = stepOf(state.model, effect, eventTimeMs);
        context.emit(stepRecord(step));
        options.telemetry.stepTaken(step);
        return;
      }
      case 'route': {
        const route = routeOf(state, effect, eventTimeMs, spec.shadowFirst);
        context.emit(routeRecord(route));
        options.telemetry.routeSet(route);
        return;
      }
    }
  }
}
