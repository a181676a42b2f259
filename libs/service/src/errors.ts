/**
 * What an error asks for. `retryable`: the same call may succeed later, back off and repeat. `terminal`: this input can never
 * succeed, put it aside and go on. `bug`: the program is wrong, stop.
 */
export type ErrorKind = 'retryable' | 'terminal' | 'bug';

export interface ServiceErrorOptions {
  /** `EVL_<DOMAIN>_<REASON>`, never reused for another meaning. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** What failed, with which id, and what to do about it. */
  readonly message: string;
  readonly cause?: unknown;
}

/** An error with a stable code and a kind that decides what happens next. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: string;
  readonly kind: ErrorKind;

  constructor(options: ServiceErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.kind = options.kind;
  }
}

/** System calls that fail while the other side is away or starting. */
const transientErrnos: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Decides what any thrown value asks for. Total: whatever is not recognised is a bug, because going on would hide it. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof ServiceError) return error.kind;
  if (typeof error !== 'object' || error === null) return 'bug';
  if ('kind' in error && isErrorKind(error.kind)) return error.kind;
  // Kafka clients say themselves whether a broker's answer is worth another try.
  if ('retriable' in error && error.retriable === true) return 'retryable';
  if ('code' in error && typeof error.code === 'string' && transientErrnos.has(error.code)) return 'retryable';
  if ('name' in error && (error.name === 'AbortError' || error.name === 'TimeoutError')) return 'retryable';
  return 'bug';
}

/**
 * Wraps any thrown value: a ServiceError is returned as it is, anything else gets the fallback's code, the kind found by
 * `classify` unless the fallback names one, and itself as `cause`.
 */
export function toServiceError(
  error: unknown,
  fallback: { readonly code: string; readonly message: string; readonly kind?: ErrorKind },
): ServiceError {
  if (error instanceof ServiceError) return error;
  return new ServiceError({
    code: fallback.code,
    kind: fallback.kind ?? classify(error),
    message: `${fallback.message}: ${errorText(error)}`,
    cause: error,
  });
}

/** The message of any thrown value. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(errorText).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function isErrorKind(value: unknown): value is ErrorKind {
  return value === 'retryable' || value === 'terminal' || value === 'bug';
}
