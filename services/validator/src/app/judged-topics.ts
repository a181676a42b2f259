import { quarantineTopic, validTopic } from '@everloop/contracts';
import { topicTooSmall } from '../errors.ts';
import type { Stream } from '../ports.ts';

/** A source topic takes what is too large to be valid, so that it is seen in the quarantine and not lost at the producer. Bytes. */
const sourceBytesMax = 11 * 1_048_576;
/** Room for the header with the place of a raw record, bytes. */
const placeBytesMax = 65_536;
/** Room for that and for a hundred reasons, each with its rule, path, message and value. */
const reasonsBytesMax = 1_048_576;

/**
 * Creates the topics of a Source. Valid and quarantine must take every record that the source topic takes, and what is added to it: a record that
 * fits into neither would stop its partition. Rejects with EVL_VALIDATOR_TOPIC_TOO_SMALL when topics that were there before do not.
 */
export async function ensureJudgedTopics(stream: Stream, topic: string, partitions: number): Promise<void> {
  await stream.ensureTopics([{ name: topic, partitions, config: bytesMax(sourceBytesMax) }]);
  const largest = await stream.messageBytesMax(topic);
  const judged = [
    { name: validTopic(topic), least: largest + placeBytesMax },
    { name: quarantineTopic(topic), least: largest + reasonsBytesMax },
  ];
  await stream.ensureTopics(judged.map(({ name, least }) => ({ name, partitions, config: bytesMax(least) })));
  for (const { name, least } of judged) {
    const most = await stream.messageBytesMax(name);
    if (most < least) throw topicTooSmall({ name, most, least, source: topic });
  }
}

function bytesMax(bytes: number): Readonly<Record<string, string>> {
  return { 'max.message.bytes': String(bytes) };
}
