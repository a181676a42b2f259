import { ServiceError } from '@everloop/service';

/** A record of Everloop's own topic that cannot be decoded. */
export function undecodable(topic: string, partition: number, offset: bigint, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_DRIFT_UNDECODABLE',
    kind: 'bug',
    message: `record ${topic}/${partition}/${offset} is not what its topic holds; who else writes to ${topic}?`,
    cause,
  });
}

/** A stored baseline that cannot be used. */
export function baselineInvalid(model: string, version: string, problem: string, cause?: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_DRIFT_BASELINE_INVALID',
    kind: 'terminal',
    message: `baseline.json of ${model} version ${version} cannot be used: ${problem}; its windows are not judged`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A stored history that cannot be used. */
export function historyInvalid(model: string, version: string, problem: string, cause?: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_DRIFT_HISTORY_INVALID',
    kind: 'terminal',
    message: `history.pb of ${model} version ${version} cannot be used: ${problem}; it has no references by phase`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** An alert that Alertmanager or a webhook has not taken yet. */
export function alertUndelivered(target: string, url: string, answer: string, cause?: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_DRIFT_ALERT_UNDELIVERED',
    kind: 'retryable',
    message: `${target} at ${url} did not take an alert: ${answer}; it is tried again, see that the address is right and the server is up`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** An alert that Alertmanager or a webhook refused for good. */
export function alertRefused(target: string, url: string, answer: string): ServiceError {
  return new ServiceError({
    code: 'EVL_DRIFT_ALERT_REFUSED',
    kind: 'terminal',
    message: `${target} at ${url} refused an alert: ${answer}; it is left out, so correct what the server complains of`,
  });
}
