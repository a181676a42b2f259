import { status } from '@grpc/grpc-js';
import { classify, errorText, ServiceError, type ErrorKind } from '@everloop/service';

/** Endings and parts of error codes and the status they mean; the first that fits counts. */
const statusByCode: readonly (readonly [RegExp, status])[] = [
  [/_NOT_FOUND$/, status.NOT_FOUND],
  [/_INVALID(_|$)|_UNDECODABLE$/, status.INVALID_ARGUMENT],
  [/_(FULL|EXHAUSTED)$/, status.RESOURCE_EXHAUSTED],
  [/_PRECONDITION(_|$)/, status.FAILED_PRECONDITION],
  [/_ALREADY_EXISTS$/, status.ALREADY_EXISTS],
  [/_CONFLICT$/, status.ABORTED],
  [/_(DEADLINE|TIMEOUT)$/, status.DEADLINE_EXCEEDED],
  [/_CANCELLED$/, status.CANCELLED],
  [/_UNAUTHENTICATED$/, status.UNAUTHENTICATED],
  [/_(DENIED|FORBIDDEN)$/, status.PERMISSION_DENIED],
];

const statusByKind: Readonly<Record<ErrorKind, status>> = {
  retryable: status.UNAVAILABLE,
  terminal: status.FAILED_PRECONDITION,
  bug: status.INTERNAL,
};

export interface CallStatus {
  readonly code: status;
  /** Begins with the error's code: `EVL_REGISTRY_VERSION_NOT_FOUND: …`. */
  readonly details: string;
}

/**
 * Most bytes of a status text as HTTP/2 carries it. Clients refuse trailers beyond 8 KiB (gRPC C core's soft limit) and would then show that instead
 * of the reason.
 */
const detailsBytesMax = 4_096;

/** The text cut to what clients accept; characters that are not printable ASCII take three bytes for each of UTF-8 (percent-encoding). */
function bounded(text: string): string {
  if (text.length * 9 <= detailsBytesMax) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point >= 0x20 && point < 0x7f && character !== '%' ? 1 : 3 * Buffer.byteLength(character);
    if (bytes > detailsBytesMax) return `${text.slice(0, end)}…`;
    end += character.length;
  }
  return text;
}

/** The status that a thrown value answers a call with. A bug's text stays in the log; the caller learns only its code. */
export function statusOf(error: unknown): CallStatus {
  const kind = classify(error);
  if (!(error instanceof ServiceError)) {
    const details =
      kind === 'bug'
        ? 'EVL_GRPC_INTERNAL: the call failed; see the log of the service'
        : bounded(`EVL_GRPC_FAILED: ${errorText(error)}`);
    return { code: statusByKind[kind], details };
  }
  const byCode = kind === 'bug' ? undefined : statusByCode.find(([pattern]) => pattern.test(error.code))?.[1];
  return { code: byCode ?? statusByKind[kind], details: bounded(`${error.code}: ${error.message}`) };
}

/** What a client's call failed with. */
export interface FailedCall {
  readonly code: status;
  readonly details: string;
}

/**
 * The error that a failed call throws: the server's EVL code when it gave one, else `EVL_GRPC_<STATUS>`. UNAVAILABLE,
 * DEADLINE_EXCEEDED, ABORTED and a service's own "full" are retryable; everything else repeats the same failure and is terminal.
 */
export function errorOf(failed: FailedCall, call: string, cause: unknown): ServiceError {
  const match = /^(EVL_[A-Z0-9_]+): ([\s\S]*)$/.exec(failed.details);
  const retryable =
    failed.code === status.UNAVAILABLE ||
    failed.code === status.DEADLINE_EXCEEDED ||
    failed.code === status.ABORTED ||
    (failed.code === status.RESOURCE_EXHAUSTED && match !== null);
  return new ServiceError({
    code: match?.[1] ?? `EVL_GRPC_${status[failed.code]}`,
    kind: retryable ? 'retryable' : 'terminal',
    message: `${call}: ${match?.[2] ?? failed.details}`,
    cause,
  });
}
