import { encodeEvent, eventId } from '@everloop/contracts';
import type { OutRecord } from '@everloop/kafka';
import { brokenAfter } from './broken.ts';
import type { PlacedEvent } from './timeline.ts';

const source = '/examples/flights';

/** A record to publish, and whether it is one of the broken ones. */
export interface SourceRecord {
  readonly record: OutRecord;
  readonly broken: boolean;
}

/**
 * The Kafka records of one event: itself, and for a few of them a broken one after it. The id follows from topic, key and event time,
 * so an event that is sent again is recognised.
 */
export function sourceRecords({ event, position }: PlacedEvent): readonly SourceRecord[] {
  const { topic, key, eventTimeMs, data } = event;
  const about = { type: topic, source, subject: key, eventTimeMs };
  const good = encodeEvent({ ...about, id: eventId(topic, key, String(eventTimeMs)), data });
  const sent = { record: { topic, key, value: good.value, headers: good.headers }, broken: false };
  const fault = brokenAfter(event, position);
  if (fault === null) return [sent];
  const { headers } = encodeEvent({ ...about, id: eventId(topic, key, String(eventTimeMs), fault.fault), data });
  return [sent, { record: { topic, key, value: fault.value, headers }, broken: true }];
}
