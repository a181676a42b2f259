import type { PlacedEvent } from './timeline.ts';
import { sourceTopics, type FlightEvent, type SourceTopic } from './events.ts';

const DAY_MS = 86_400_000;

/** Days on which an upstream system of one topic is broken: its optional columns are null. [fromMs, untilMs), event time. */
export interface Outage {
  readonly topic: SourceTopic;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What the contract lets be null, so that the records are valid and only their windows show that something is wrong. */
const optional: Readonly<Record<SourceTopic, readonly string[]>> = {
  'aircraft.registered': ['year'],
  'flights.scheduled': ['tailnum'],
  'weather.observed': [
    ...['temp', 'dewp', 'humid', 'wind_dir', 'wind_speed', 'wind_gust', 'precip', 'pressure', 'visib'],
  ],
  'flights.departed': ['tailnum'],
  'flights.arrived': ['tailnum', 'air_time'],
};

/**
 * Reads `topic:2013-01-12:2013-01-14`, both days included; null for anything else.
 *
 * @example readOutage('weather.observed:2013-01-12:2013-01-12') // one day
 */
export function readOutage(text: string): Outage | null {
  const [name = '', from = '', until = '', ...more] = text.split(':');
  const topic = sourceTopics.find((each) => each === name);
  const [fromMs, untilMs] = [dayMs(from), dayMs(until) + DAY_MS];
  return topic === undefined || more.length > 0 || !(fromMs < untilMs) ? null : { topic, fromMs, untilMs };
}

function dayMs(text: string): number {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
}

/** The event as the broken system sends it. */
export function withOutages(placed: PlacedEvent, outages: readonly Outage[]): PlacedEvent {
  const { event } = placed;
  const isOut = ({ topic, fromMs, untilMs }: Outage): boolean =>
    topic === event.topic && event.eventTimeMs >= fromMs && event.eventTimeMs < untilMs;
  return outages.some(isOut) ? { ...placed, event: { ...event, data: withoutOptional(event) } } : placed;
}

function withoutOptional({ topic, data }: FlightEvent): FlightEvent['data'] {
  const lost = new Set(optional[topic]);
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, lost.has(name) ? null : value]));
}
