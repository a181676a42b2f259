import { ServiceError } from '@everloop/service';

/** A Source whose contract cannot be compiled: the registry should not have taken it. */
export function sourceUnusable(name: string, cause: unknown): ServiceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ServiceError({
    code: 'EVL_VALIDATOR_SOURCE_UNUSABLE',
    kind: 'terminal',
    message: `Source '${name}' cannot be used: ${text}; its records wait until a corrected resource is applied`,
    cause,
  });
}

/** A record of a quality topic that cannot be decoded. */
export function undecodableQuality(topic: string, partition: number, offset: bigint, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_VALIDATOR_QUALITY_UNDECODABLE',
    kind: 'bug',
    message: `record ${topic}/${partition}/${offset} is not what its topic holds; who else writes to ${topic}?`,
    cause,
  });
}

/** A topic that was there before takes less than its source topic, so one of its records could stop a partition. Sizes in bytes. */
export function topicTooSmall(found: {
  readonly name: string;
  readonly most: number;
  readonly least: number;
  readonly source: string;
}): ServiceError {
  const { name, most, least, source } = found;
  return new ServiceError({
    code: 'EVL_VALIDATOR_TOPIC_TOO_SMALL',
    kind: 'terminal',
    message:
      `topic '${name}' takes ${most} bytes, but a record of '${source}' can need ${least}: ` +
      `set its max.message.bytes to ${least} or more (kafka-configs), or lower that of '${source}'; then start the validator again`,
  });
}
