import type { inference } from '@everloop/contracts';

type Parameter = inference.InferParameter;
export type Parameters = Readonly<Record<string, Parameter>>;

/** A parameter of an answer; a number is a double. */
export type AnswerParameter = readonly [name: string, value: string | number | boolean];

/** Event times beyond the year 9999 are seconds or nanoseconds by mistake. */
const eventTimeMsMax = 253_402_300_799_999;

/** Whether a number can be meant as an event time, epoch milliseconds UTC. */
export function isEventTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= eventTimeMsMax;
}

export interface RequestOptions {
  /** Event time of the request, epoch milliseconds UTC; null: not given. */
  readonly eventTimeMs: number | null;
  /** What the routing draw is made for; null: not given. */
  readonly unitId: string | null;
  /** What the inputs contributed to the score is wanted too. */
  readonly explain: boolean;
}

export type ReadOptions =
  { readonly ok: true; readonly options: RequestOptions } | { readonly ok: false; readonly reasons: readonly string[] };

function numberOf(parameter: Parameter): number | null {
  const choice = parameter.parameterChoice;
  if (choice?.$case !== 'int64Param' && choice?.$case !== 'uint64Param' && choice?.$case !== 'doubleParam') return null;
  return Number(choice.value);
}

/** Reads the request parameters that Everloop knows (`event_time_ms`, `unit_id`, `explain`); others are other servers' and are left alone. */
export function readOptions(parameters: Parameters): ReadOptions {
  const reasons: string[] = [];
  const time = parameters['event_time_ms'];
  const unit = parameters['unit_id'];
  const eventTimeMs = time === undefined ? null : numberOf(time);
  if (time !== undefined && (eventTimeMs === null || !isEventTime(eventTimeMs))) {
    reasons.push('parameter event_time_ms must be an int64 of epoch milliseconds');
  }
  const unitId = unit?.parameterChoice?.$case === 'stringParam' ? unit.parameterChoice.value : null;
  if (unit !== undefined && (unitId === null || unitId === '')) {
    reasons.push('parameter unit_id must be a string that is not empty');
  }
  const wanted = parameters['explain']?.parameterChoice;
  if (wanted !== undefined && wanted.$case !== 'boolParam') reasons.push('parameter explain must be a boolean');
  if (reasons.length > 0) return { ok: false, reasons };
  return { ok: true, options: { eventTimeMs, unitId, explain: wanted?.value === true } };
}

export function textParameter(value: string): Parameter {
  return { parameterChoice: { $case: 'stringParam', value } };
}

export function doubleParameter(value: number): Parameter {
  return { parameterChoice: { $case: 'doubleParam', value } };
}

export function booleanParameter(value: boolean): Parameter {
  return { parameterChoice: { $case: 'boolParam', value } };
}
