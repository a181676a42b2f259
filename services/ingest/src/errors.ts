import { ServiceError } from '@everloop/service';

function terminal(code: `EVL_INGEST_${string}`, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ code, kind: 'terminal', message, cause });
}

/** Errors of batch sources; each message says what to do. */
export const errors = {
  partChanged: (part: string): ServiceError =>
    terminal(
      'EVL_INGEST_PART_CHANGED',
      `${part} is not what it was when it was read or begun; rows that were read stay, what is new in it is not read: give it a new name`,
    ),
  partUnusable: (part: string, why: string, cause?: unknown): ServiceError =>
    terminal('EVL_INGEST_PART_UNUSABLE', `${part} cannot be read (${why}); repair it and give it a new name`, cause),
  folderMissing: (path: string, root: string, cause: unknown): ServiceError =>
    new ServiceError({
      code: 'EVL_INGEST_FOLDER_MISSING',
      kind: 'retryable',
      message: `the folder ${path} cannot be read under ${root}: make it, or set EVL_INGEST_ROOT`,
      cause,
    }),
  pathOutside: (path: string, root: string): ServiceError =>
    terminal(
      'EVL_INGEST_PATH_OUTSIDE',
      `${path} leads out of ${root} (EVL_INGEST_ROOT), perhaps by a link; move it inside`,
    ),
  tooManyParts: (where: string, most: number): ServiceError =>
    terminal(
      'EVL_INGEST_TOO_MANY_PARTS',
      `${where} has more than ${most} files; divide it over several Sources or move files that are finished away`,
    ),
  connectionMissing: (name: string, env: string): ServiceError =>
    terminal(
      'EVL_INGEST_CONNECTION_MISSING',
      `there is no connection "${name}": set ${env} in the environment of the ingest service`,
    ),
  connectionInvalid: (env: string, why: string): ServiceError =>
    terminal('EVL_INGEST_CONNECTION_INVALID', `${env} ${why}`),
  cursorUnusable: (where: string, why: string): ServiceError =>
    terminal('EVL_INGEST_CURSOR_UNUSABLE', `${where}: ${why}`),
} as const;
