import { errorText, ServiceError } from '@everloop/service';

/** Error codes of this library and what they ask for. */
export const kafkaErrors = {
  /** More bytes wait to be written than the publisher may hold; slow down and repeat. */
  queueFull: { code: 'EVL_KAFKA_QUEUE_FULL', kind: 'retryable' },
  /** A topic does not exist (yet). */
  topicMissing: { code: 'EVL_KAFKA_TOPIC_MISSING', kind: 'retryable' },
  /** A topic exists with another number of partitions than asked for. */
  topicMismatch: { code: 'EVL_KAFKA_TOPIC_MISMATCH', kind: 'terminal' },
  /** The broker refuses a topic's name or settings. */
  topicInvalid: { code: 'EVL_KAFKA_TOPIC_INVALID', kind: 'terminal' },
  /** A record is larger than the broker or topic accepts. */
  recordTooLarge: { code: 'EVL_KAFKA_RECORD_TOO_LARGE', kind: 'terminal' },
  /** Inputs of one task runner have different numbers of partitions. */
  notCopartitioned: { code: 'EVL_KAFKA_NOT_COPARTITIONED', kind: 'terminal' },
  /** A record names a partition that its topic does not have. */
  partitionUnknown: { code: 'EVL_KAFKA_PARTITION_UNKNOWN', kind: 'bug' },
  /** A group has committed an offset that its topic does not reach (any more); the operator has to say where it goes on. */
  positionBeyondEnd: { code: 'EVL_KAFKA_POSITION_BEYOND_END', kind: 'retryable' },
  /** The part was stopped before the call could be finished. */
  stopped: { code: 'EVL_KAFKA_STOPPED', kind: 'retryable' },
  /** The broker answered only for some of the partitions of a write. */
  writeIncomplete: { code: 'EVL_KAFKA_WRITE_INCOMPLETE', kind: 'retryable' },
  /** A batch of records contradicts its own lengths: a broken broker, disk or proxy. */
  batchMalformed: { code: 'EVL_KAFKA_BATCH_MALFORMED', kind: 'retryable' },
  /** Records are compressed in a way that is not read here, or would need too much memory unpacked. */
  batchCompressed: { code: 'EVL_KAFKA_BATCH_COMPRESSED', kind: 'terminal' },
  /** The broker cannot be reached or cannot answer now. */
  unavailable: { code: 'EVL_KAFKA_UNAVAILABLE', kind: 'retryable' },
} as const;

export function kafkaError(which: keyof typeof kafkaErrors, message: string, cause?: unknown): ServiceError {
  return new ServiceError({ ...kafkaErrors[which], message, cause });
}

const connectionErrorNames: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSLockTimeout',
]);

/** Every error from `error` down its causes, the outermost first; at most ten. */
export function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let e = error; e !== undefined && e !== null && chain.length < 10;) {
    chain.push(e);
    e = typeof e === 'object' && 'cause' in e ? e.cause : undefined;
  }
  return chain;
}

/** Whether the broker could not be reached, as opposed to an answer that refuses something. */
export function isConnectionError(error: unknown): boolean {
  return causes(error).some((e) => {
    if (typeof e !== 'object' || e === null) return false;
    if ('code' in e && (e.code === 'ECONNREFUSED' || e.code === kafkaErrors.unavailable.code)) return true;
    return 'name' in e && typeof e.name === 'string' && connectionErrorNames.has(e.name);
  });
}

/** Whether a broker's answer has one of the protocol's error types, for example `INVALID_PRODUCER_EPOCH`. */
export function hasProtocolType(error: unknown, ...types: readonly string[]): boolean {
  return causes(error).some(
    (e) => typeof e === 'object' && e !== null && 'type' in e && typeof e.type === 'string' && types.includes(e.type),
  );
}

/** Whether somebody else took over the transactional id. */
export function isFenced(error: unknown): boolean {
  return hasProtocolType(error, 'INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING');
}

/** Whether a read position lies outside what the broker keeps. */
export function isOffsetOutOfRange(error: unknown): boolean {
  return causes(error).some(
    (e) => typeof e === 'object' && e !== null && 'name' in e && e.name === 'KafkaJSOffsetOutOfRange',
  );
}

/** The innermost message: what really happened. Of a record that is too large ours, which says where and what to do. */
export function rootText(error: unknown): string {
  const chain = causes(error);
  const { code } = kafkaErrors.recordTooLarge;
  return errorText(
    chain.find((e) => typeof e === 'object' && e !== null && 'code' in e && e.code === code) ?? chain.at(-1),
  );
}

/** Whether a broker refused records because of their size. */
export function isTooLarge(error: unknown): boolean {
  return hasProtocolType(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE');
}

/** What to say of it; `sizes` are those of the records that were sent together, bytes. */
export function tooLarge(
  to: { readonly topic: string; readonly partition: number },
  sizes: readonly number[],
  cause: unknown,
): ServiceError {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const what =
    sizes.length === 1 ? `a record of about ${bytes} bytes is` : `${sizes.length} records of ${bytes} bytes are`;
  return kafkaError(
    'recordTooLarge',
    `${what} larger than topic '${to.topic}', partition ${to.partition} accepts; make it smaller or raise the topic's max.message.bytes`,
    cause,
  );
}
