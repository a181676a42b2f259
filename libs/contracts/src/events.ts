import { sha256Hex } from './canonical.ts';
import { ContractError } from './errors.ts';

/** A control event before it is written. */
export interface EventToEncode {
  /** Derived from the cause, see `eventId`. */
  readonly id: string;
  /** Type of the event; by convention its topic, for example `everloop.training.job.v1`, or one of `driftEventTypes` where a topic has several. */
  readonly type: string;
  /** Who says it, for example `everloop/trainer`. */
  readonly source: string;
  /** What it is about, for example the model's name. */
  readonly subject: string;
  /** Event time, epoch milliseconds UTC; becomes `ce_time`. Absent for what belongs to no event time, such as an applied resource. */
  readonly eventTimeMs?: number;
  /** Id that every event of one flow shares, from the cause to all that comes of it; becomes `ce_correlationid`. */
  readonly correlationId?: string;
  /** Id of the event that is the direct cause; becomes `ce_causationid`. */
  readonly causationId?: string;
  /** The proto3 JSON form of the message, for example `JobEvent.toJSON(event)`. */
  readonly data: unknown;
}

/** Types of the events of drift detection. */
export const driftEventTypes = {
  evaluated: 'io.everloop.drift.window.evaluated.v1',
  quality: 'io.everloop.drift.quality.evaluated.v1',
  planned: 'io.everloop.drift.plan.calibrated.v1',
  detected: 'io.everloop.drift.detected.v1',
  resolved: 'io.everloop.drift.resolved.v1',
  decided: 'io.everloop.drift.decided.v1',
  requested: 'io.everloop.retrain.requested.v1',
  deferred: 'io.everloop.retrain.deferred.v1',
  suppressed: 'io.everloop.retrain.suppressed.v1',
} as const;

/** CloudEvents 1.0 attributes of a record that was read. */
export interface EventAttributes {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  /** Epoch milliseconds UTC; null when the event says none. */
  readonly eventTimeMs: number | null;
  /** Empty when the event says none. */
  readonly correlationId: string;
  readonly causationId: string;
}

/**
 * A control event in CloudEvents 1.0 binary mode (Kafka protocol binding, section 3.2): attributes in `ce_` headers, JSON as value.
 * Equal events have equal bytes.
 */
export function encodeEvent(event: EventToEncode): { value: string; headers: Record<string, string> } {
  return {
    value: JSON.stringify(event.data),
    headers: {
      ce_specversion: '1.0',
      ce_id: event.id,
      ce_type: event.type,
      ce_source: event.source,
      ce_subject: event.subject,
      ...(event.eventTimeMs === undefined ? {} : { ce_time: new Date(event.eventTimeMs).toISOString() }),
      ...(event.correlationId === undefined ? {} : { ce_correlationid: event.correlationId }),
      ...(event.causationId === undefined ? {} : { ce_causationid: event.causationId }),
      'content-type': 'application/json',
    },
  };
}

/** The attributes of an event from its headers. Throws EVL_EVENT_INVALID when one is missing or `ce_time` is no time. */
export function eventAttributes(headers: Readonly<Record<string, string>>): EventAttributes {
  const read = (name: string): string => {
    const text = headers[`ce_${name}`];
    if (text === undefined) throw new ContractError('EVL_EVENT_INVALID', `the header ce_${name} is missing`);
    return text;
  };
  const id = read('id');
  const time = headers['ce_time'];
  const eventTimeMs = time === undefined ? null : Date.parse(time);
  if (Number.isNaN(eventTimeMs)) {
    throw new ContractError('EVL_EVENT_INVALID', `ce_time of event ${id} is "${time}", which is not an RFC 3339 time`);
  }
  return {
    ...{ id, type: read('type'), source: read('source'), subject: read('subject'), eventTimeMs },
    correlationId: headers['ce_correlationid'] ?? '',
    causationId: headers['ce_causationid'] ?? '',
  };
}

/**
 * An id derived from what caused an event: equal parts give the equal id, so a repeat is recognised. The parts' lengths are
 * hashed too, so ('ab', 'c') and ('a', 'bc') differ. 32 hex digits (128 bits).
 */
export function eventId(...parts: readonly string[]): string {
  return sha256Hex(parts.map((part) => `${part.length}:${part}`).join('')).slice(0, 32);
}
