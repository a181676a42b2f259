import { writeBatch, type BatchMessage } from './batch-write.ts';

/** What kafkajs wants to write; ids are numbers of its own kind. */
export interface ProduceRequest {
  readonly transactionalId?: string | null | undefined;
  readonly acks: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly producerId?: { toString(): string } | undefined;
  readonly producerEpoch?: number | undefined;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence?: number | undefined;
      readonly messages: readonly BatchMessage[];
    }[];
  }[];
}

/** The body of a Produce request, versions 3 to 8 (KIP-98): transactional id, acks, timeout, topics with partitions with one batch each. */
export function writeProduceRequest(request: ProduceRequest, nowMs: number): Buffer {
  const { transactionalId = null, acks, timeout, producerId = '-1', producerEpoch = 0, topicData } = request;
  const id = BigInt(producerId.toString());
  const parts: Buffer[] = [text(transactionalId), numbers([acks, 2], [timeout, 4], [topicData.length, 4])];
  for (const { topic, partitions } of topicData) {
    parts.push(text(topic), numbers([partitions.length, 4]));
    for (const { partition, firstSequence = 0, messages } of partitions) {
      const isTransactional = transactionalId !== null && transactionalId !== '';
      const origin = { producerId: id, producerEpoch, firstSequence, isTransactional };
      const batch = writeBatch(messages, origin, nowMs);
      parts.push(numbers([partition, 4], [batch.length, 4]), batch);
    }
  }
  return Buffer.concat(parts);
}

function text(value: string | null): Buffer {
  const bytes = Buffer.from(value ?? '');
  return Buffer.concat([numbers([value === null ? -1 : bytes.length, 2]), bytes]);
}

/** Whole numbers, each with its length in bytes. */
function numbers(...values: readonly (readonly [value: number, bytes: number])[]): Buffer {
  const buffer = Buffer.alloc(values.reduce((sum, [, bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [value, bytes] of values) at = buffer.writeIntBE(value, at, bytes);
  return buffer;
}
