import { outcomes, type rollout, topics, training, type RolloutSpec } from '@everloop/contracts';
import type { Batch, BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { isDeepStrictEqual } from 'node:util';
import { decide, type Effect } from '../domain/decide.ts';
import { composeRoute } from '../domain/route.ts';
import { newModelState, withCandidate, withStats, type ModelState } from '../domain/state.ts';
import type { StageBook } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { routeRecord, stepOf, stepRecord } from './messages.ts';

export interface ControllerOptions {
  /** The Rollout of a model as applied now, or undefined. */
  readonly rolloutOf: (model: string) => RolloutSpec | undefined;
  /** The newest route of a model that was written before this task began, or undefined. */
  readonly routeOf: (model: string) => rollout.Route | undefined;
  readonly stages: StageBook;
  readonly telemetry: Telemetry;
}

/**
 * The single task: job events and outcome statistics in, stages, routes and steps out. Decides on watermarks only. While state is
 * rebuilt from the log the decisions are taken again and their effects are dropped, since they happened.
 */
export function createController(options: ControllerOptions): TaskHandler {
  const states = new Map<string, ModelState>();
  const written = new Map<string, rollout.Route>();
  const stateOf = (model: string): ModelState => states.get(model) ?? newModelState(model);

  return {
    onRecords: (batch: Batch) => {
      for (const record of batch.records) take(record, batch.topic);
    },
    onWatermark: async (watermarkMs, context) => {
      for (const model of [...states.keys()].sort()) await decideFor(model, watermarkMs, context);
      context.emitWatermark(topics.route, watermarkMs, 0);
    },
    settled: (isCommitted) => {
      if (!isCommitted) options.telemetry.trialsGone();
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
    // Slices are parts of what is counted already, and a prediction alone says nothing of a version.
    if (stats.slice !== '' || (stats.labelled === 0 && stats.logLossNano === 0)) return;
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
    options.telemetry.trialSeen(model, state.canary?.held ?? false);
    if (context.replaying) return;
    for (const effect of effects) await perform(state, effect, watermarkMs, context);
    writeRoute(state, spec, watermarkMs, context);
  }

  /** Writes the route where it is not the one in force: after a decision, or when the Rollout changed. */
  function writeRoute(state: ModelState, spec: RolloutSpec, eventTimeMs: number, context: TaskContext): void {
    const before = written.get(state.model) ?? options.routeOf(state.model) ?? null;
    const content = composeRoute(state, spec, before);
    if (content === null) return;
    if (before !== null && isDeepStrictEqual({ ...before, ...content }, before)) return;
    const route = { ...content, revision: String(Number(before?.revision ?? 0) + 1), eventTimeMs };
    written.set(state.model, route);
    context.emit(routeRecord(route));
    options.telemetry.routeSet(route);
  }

  async function perform(state: ModelState, effect: Effect, eventTimeMs: number, context: TaskContext): Promise<void> {
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
    }
  }
}
