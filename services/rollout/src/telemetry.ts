import type { Logger, Metrics } from '@everloop/service';
import { championWeight, type rollout } from '@everloop/contracts';

/** Facts of this service: each emits one log line and its metrics. */
export interface Telemetry {
  stepTaken(step: rollout.RolloutStep): void;
  routeSet(route: rollout.Route): void;
  /** What is known of a model's trial now: whether it is held because its outcomes do not decide. */
  trialSeen(model: string, isHeld: boolean): void;
  /** Another process has the trials now. */
  trialsGone(): void;
  rolloutMissing(model: string): void;
  registryAway(error: unknown): void;
}

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const steps = metrics.counter('everloop_rollout_steps_total', 'Decisions about versions, by action', [
    'model',
    'action',
  ]);
  const weight = metrics.gauge('everloop_rollout_canary_weight_ratio', 'Share of requests drawn to challengers', [
    'model',
  ]);
  const held = metrics.gauge(
    'everloop_rollout_trial_held',
    '1 while a version on trial waits because its outcomes do not decide',
    ['model'],
    'max',
  );
  return {
    trialSeen: (model, isHeld) => held.set({ model }, isHeld ? 1 : 0),
    trialsGone: () => held.reset(),
    stepTaken: (step) => {
      steps.inc({ model: step.model, action: step.action });
      logger.info({ step }, `version ${step.version} of ${step.model}: ${step.action}: ${step.reason}`);
    },
    routeSet: (route) => {
      weight.set({ model: route.model }, 1 - championWeight(route));
      logger.info({ route }, 'route set');
    },
    rolloutMissing: (model) => {
      logger.warn(
        { model },
        `approved versions of ${model} wait: no Rollout resource names this model. Apply one with 'everloop apply'.`,
      );
    },
    registryAway: (error) => {
      logger.warn({ err: error }, 'the registry does not take the stage change; retrying until it does');
    },
  };
}
