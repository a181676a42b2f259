import { training } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';
import type { TrainingRequest } from './domain/requests.ts';

/** A request that has not ended. */
export interface WaitingRequest {
  readonly model: string;
  /** When it was written, wall clock, epoch milliseconds. */
  readonly sinceMs: number;
}

/** Typed facts; each is one log line and its metrics. */
export interface Telemetry {
  jobEvent(event: training.JobEvent): void;
  jobFailed(request: TrainingRequest, error: unknown): void;
  unreadableRequest(offset: string, problem: string): void;
  /** Another service did not answer; it is asked again. */
  away(service: string, error: unknown): void;
  /** Requests that wait or are worked on now. */
  waiting(requests: readonly WaitingRequest[]): void;
  recipeLine(jobId: string, line: Readonly<Record<string, unknown>>): void;
}

const stateLabel: Readonly<Record<string, string>> = {
  [training.JobState.STARTED]: 'started',
  [training.JobState.SUCCEEDED]: 'succeeded',
  [training.JobState.FAILED]: 'failed',
  [training.JobState.SKIPPED]: 'skipped',
};

const durationBuckets = [1, 5, 15, 30, 60, 120, 300, 900, 3_600];

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const jobs = metrics.counter('everloop_trainer_job_events_total', 'Job events by state', ['model', 'state']);
  const versions = metrics.counter('everloop_trainer_versions_total', 'Versions by what the gates said', [
    'model',
    'stage',
  ]);
  const durations = metrics.histogram(
    'everloop_trainer_job_duration_seconds',
    'Wall-clock time of jobs',
    durationBuckets,
    ['model'],
  );
  const aways = metrics.counter('everloop_trainer_calls_repeated_total', 'Calls repeated because a service was away', [
    'to',
  ]);
  const unreadable = metrics.counter('everloop_trainer_requests_unreadable_total', 'Requests that could not be read');
  const waiting = metrics.gauge('everloop_trainer_requests_waiting', 'Requests to retrain that have not ended');
  const oldest = metrics.gauge(
    'everloop_trainer_oldest_request_timestamp_seconds',
    'When the oldest request that has not ended was written, wall clock',
    ['model'],
    'max',
  );
  return {
    waiting(requests) {
      waiting.set(requests.length);
      oldest.reset();
      const firsts = new Map<string, number>();
      for (const { model, sinceMs } of requests)
        firsts.set(model, Math.min(firsts.get(model) ?? Infinity, sinceMs / 1_000));
      for (const [model, seconds] of firsts) oldest.set({ model }, seconds);
    },
    jobEvent(event) {
      const state = stateLabel[event.state] ?? 'unknown';
      jobs.inc({ model: event.model, state });
      const fields = {
        jobId: event.jobId,
        model: event.model,
        trigger: event.trigger,
        asOf: new Date(event.eventTimeMs).toISOString(),
      };
      if (event.state !== training.JobState.SUCCEEDED) {
        logger.info({ ...fields, reason: event.reason }, `training ${state}`);
        return;
      }
      versions.inc({ model: event.model, stage: event.versionStage });
      durations.observe({ model: event.model }, event.durationMs / 1_000);
      const gates = event.gates.map((gate) => `${gate.name} ${gate.verdict}: ${gate.detail}`);
      const { rows, durationMs, version, versionStage } = event;
      logger.info({ ...fields, version, stage: versionStage, rows, durationMs, gates }, summary(event));
    },
    jobFailed: (request, error) =>
      logger.error({ model: request.model, requestId: request.id, err: error }, 'the job is impossible'),
    unreadableRequest(offset, problem) {
      unreadable.inc();
      logger.error({ offset, problem }, 'a retraining request could not be read and is passed over');
    },
    away(to, error) {
      aways.inc({ to });
      logger.warn({ to, err: error }, 'no answer, trying again');
    },
    recipeLine: (jobId, line) => logger.debug({ jobId, ...line }, 'recipe'),
  };
}

/** `version 3 rejected: AUC .7012 → .7034, log loss .4801 → .4799 on recent rows (champion → challenger)`. */
function summary({ version, versionStage, metrics }: training.JobEvent): string {
  const pair = (name: string): string => {
    const [before, after] = [metrics[`champion.${name}`], metrics[name]].map((value) => value?.toFixed(4) ?? '-');
    return metrics[`champion.${name}`] === undefined ? `${after}` : `${before} → ${after}`;
  };
  const recent = `AUC ${pair('time_holdout.auc')}, log loss ${pair('time_holdout.log_loss')} on recent rows`;
  return `version ${version} ${versionStage}: ${recent}, log loss ${pair('fixed_holdout.log_loss')} on the fixed holdout`;
}
