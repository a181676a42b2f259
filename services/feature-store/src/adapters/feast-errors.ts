import { classify, errorText, ServiceError } from '@everloop/service';

/** What an error is called in Feast, so that its SDK raises the same exception, and its HTTP status. */
const known: Readonly<Record<string, readonly [status: number, name: string]>> = {
  EVL_FEATURES_SERVICE_NOT_FOUND: [404, 'FeatureServiceNotFoundException'],
  EVL_FEATURES_VIEW_UNKNOWN: [404, 'FeatureViewNotFoundException'],
  EVL_FEATURES_VIEW_VERSION_NOT_FOUND: [404, 'FeatureViewVersionNotFound'],
  EVL_FEATURES_PLAN_INVALID: [404, 'FeastObjectNotFoundException'],
  EVL_FEATURES_ENTITY_NOT_FOUND: [404, 'EntityNotFoundException'],
  EVL_FEATURES_SOURCE_UNKNOWN: [422, 'PushSourceNotFoundException'],
  EVL_FEATURES_NAME_COLLISION: [422, 'FeatureNameCollisionError'],
};

const statusOfKind = { retryable: 503, terminal: 422, bug: 500 } as const;

/** Status and body of an error: a JSON text that holds the JSON of Feast's error, as its server answers and its SDK reads. */
export function feastError(error: unknown): { readonly status: number; readonly body: string } {
  const [status, name] =
    (error instanceof ServiceError ? known[error.code] : undefined) ??
    ([statusOfKind[classify(error)], 'FeastError'] as const);
  const detail = { module: 'feast.errors', class: name, message: errorText(error) };
  return { status, body: JSON.stringify(JSON.stringify(detail)) };
}

/** A body that is not of the wanted form; answered as FastAPI does. */
export class FeastShapeError extends Error {
  readonly loc: readonly (string | number)[];
  readonly reason: string;

  constructor(loc: readonly (string | number)[], reason: string, message: string) {
    super(message);
    this.loc = loc;
    this.reason = reason;
  }

  body(): string {
    return JSON.stringify({ detail: [{ type: this.reason, loc: ['body', ...this.loc], msg: this.message }] });
  }
}
