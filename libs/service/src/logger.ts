import { pino } from 'pino';
import { ServiceError } from './errors.ts';

export interface LogMethod {
  (fields: object, text?: string): void;
  (text: string): void;
}

/** Writes JSON lines. An error goes into the field `err`. */
export interface Logger {
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  readonly service: string;
  /** Least severe level written; default `info`. */
  readonly level?: string;
  /** Receives the lines, newline included; default standard output. */
  readonly write?: (line: string) => void;
}

/** A logger whose lines carry level as text, ISO time and the service's name. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
  };
  return options.write === undefined ? pino(settings) : pino(settings, { write: options.write });
}

/** What a log line says about any thrown value; causes up to eight deep. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const kind = error instanceof ServiceError ? { kind: error.kind } : {};
  const cause = error.cause === undefined || depth >= 8 ? {} : { cause: describeError(error.cause, depth + 1) };
  return { type: error.name, message: error.message, ...code, ...kind, stack: error.stack, ...cause };
}
