/**
 * A few records that break the contract, sent besides the good ones, so that quarantine has something to catch that is not in the
 * data. Which, and how, follows from the position in the topic alone.
 */
import type { FlightEvent, SourceTopic } from './events.ts';

/** One broken record follows each so many good ones of a topic. */
export const brokenEvery = 10_000;
const firstBroken = 1_234;

export interface BrokenRecord {
  /** What is wrong with it, for its id. */
  readonly fault: string;
  readonly value: string;
}

type Fault = (data: FlightEvent['data']) => string;

const truncated: Fault = (data) => JSON.stringify(data).slice(0, 40);
const replaced =
  (field: string, value: string | number): Fault =>
  (data) =>
    JSON.stringify({ ...data, [field]: value });
const without =
  (field: string): Fault =>
  (data) =>
    JSON.stringify(Object.fromEntries(Object.entries(data).filter(([name]) => name !== field)));

const shared: readonly (readonly [string, Fault])[] = [
  ['truncated-json', truncated],
  ['unknown-column', replaced('gate_agent', 'B7')],
];
const faults: Readonly<Record<SourceTopic, readonly (readonly [string, Fault])[]>> = {
  'aircraft.registered': [['text-in-number', replaced('seats', 'many')], ...shared],
  'weather.observed': [['text-in-number', replaced('temp', 'warm')], ...shared],
  'flights.scheduled': [
    ['negative-distance', replaced('distance', -5)],
    ...shared,
    ['wrong-weekday', replaced('weekday', 7)],
    ['missing-id', without('flight_id')],
    ['text-in-number', replaced('sched_duration', 'two hours')],
  ],
  'flights.departed': [
    ['missing-id', without('flight_id')],
    ['text-in-number', replaced('dep_delay', 'late')],
    ...shared,
  ],
  'flights.arrived': [
    ['text-in-number', replaced('arr_delay', '12 min')],
    ['missing-id', without('flight_id')],
    ...shared,
  ],
};

/** The broken record that follows the event at `position` of its topic, if one does. */
export function brokenAfter(event: FlightEvent, position: number): BrokenRecord | null {
  if (position % brokenEvery !== firstBroken) return null;
  const choices = faults[event.topic];
  const chosen = choices[Math.floor(position / brokenEvery) % choices.length];
  if (chosen === undefined) return null;
  const [fault, make] = chosen;
  return { fault, value: make(event.data) };
}
