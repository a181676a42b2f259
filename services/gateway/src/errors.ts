import { ServiceError, type ErrorKind } from '@everloop/service';

/** Every error that the gateway itself raises; the suffix decides the gRPC status (see @everloop/grpc). */
const kinds = {
  /** The request breaks the protocol or the model's contract. */
  EVL_GATEWAY_REQUEST_INVALID: 'terminal',
  EVL_GATEWAY_MODEL_NOT_FOUND: 'terminal',
  /** The request pins a version that is not loaded. */
  EVL_GATEWAY_VERSION_NOT_FOUND: 'terminal',
  /** The gateway is starting or stopping. */
  EVL_GATEWAY_NOT_READY: 'retryable',
  /** The model is known but no route is in force yet. */
  EVL_GATEWAY_NO_VERSION: 'retryable',
  /** Nobody waits for the answer any more. */
  EVL_GATEWAY_CALL_CANCELLED: 'terminal',
  /** A load with parameters, which would change what a version is. */
  EVL_GATEWAY_LOAD_INVALID: 'terminal',
  /** Nothing may be loaded or unloaded but by a route. */
  EVL_GATEWAY_LOAD_PRECONDITION: 'terminal',
  /** What the wanted route names could not be loaded. */
  EVL_GATEWAY_LOAD_FAILED: 'retryable',
  /** Too many rows are in flight, or too many shadows wait. */
  EVL_GATEWAY_QUEUE_FULL: 'retryable',
  /** Too many rows wait to be explained. */
  EVL_GATEWAY_EXPLAIN_FULL: 'retryable',
  /** A version has no rows that its scores could be explained against. */
  EVL_GATEWAY_EXPLAIN_PRECONDITION: 'terminal',
  /** So many calls are in flight that more would only wait for each other. */
  EVL_GATEWAY_LIMIT_EXHAUSTED: 'retryable',
  /** The log waits for the broker; nothing is answered that could not be logged. */
  EVL_GATEWAY_LOG_FULL: 'retryable',
  /** The folder of the journal is used by another process. */
  EVL_GATEWAY_JOURNAL_LOCKED: 'terminal',
  /** The journal cannot be written; nothing is answered that could not be logged. */
  EVL_GATEWAY_JOURNAL_FAILED: 'retryable',
  /** A model file cannot be served: absent, changed, refused or of the wrong shape. */
  EVL_GATEWAY_MODEL_UNUSABLE: 'retryable',
  /** A version was trained with other features than it would be served with. */
  EVL_GATEWAY_FEATURES_DIFFER: 'retryable',
  /** A version gives its own training rows other inputs or scores than training did. */
  EVL_GATEWAY_GOLDEN_DIFFERS: 'retryable',
  /** A version does not say what it was trained with, which its Model wants requests checked against. */
  EVL_GATEWAY_CATEGORIES_MISSING: 'retryable',
  /** A version was not trained with a category that a request has. */
  EVL_GATEWAY_CATEGORY_UNSEEN: 'terminal',
  /** A model answered a score that is not a finite number. */
  EVL_GATEWAY_SCORE_NOT_FINITE: 'retryable',
  /** A version could not compute an answer. */
  EVL_GATEWAY_RUN_FAILED: 'retryable',
  /** A reward that could never count: without a decision, not a number, out of range. */
  EVL_GATEWAY_REWARD_INVALID: 'terminal',
  /** No Model, or not the named one, has decisions that wait for rewards. */
  EVL_GATEWAY_REWARD_PRECONDITION: 'terminal',
  /** A resource on the resources topic cannot be understood. */
  EVL_GATEWAY_RESOURCE_REFUSED: 'terminal',
} as const satisfies Record<string, ErrorKind>;

export type GatewayErrorCode = keyof typeof kinds;

export function gatewayError(code: GatewayErrorCode, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ code, kind: kinds[code], message, ...(cause === undefined ? {} : { cause }) });
}

/** A request that breaks its protocol or the model's contract, with everything that is wrong with it. */
export class RequestRefused extends ServiceError {
  readonly reasons: readonly string[];

  /** `what` was asked, for people. */
  constructor(what: string, reasons: readonly string[], code: GatewayErrorCode = 'EVL_GATEWAY_REQUEST_INVALID') {
    super({ code, kind: kinds[code], message: `${what}: ${reasons.join('; ')}` });
    this.reasons = reasons;
  }
}
