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

/**
 * The body of a Produce request, versions 3 to 8 (KIP-98), in parts: transactional id, acks, timeout, topics with partitions with one batch
 * each. In parts, so that a batch is copied only once more.
 */
export function writeProduceRequest(request: ProduceRequest, nowMs: number): readonly Buffer[] {
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
  return parts;
}

/** What precedes the body of every request. */
export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** A request as it goes over the wire: its length, its head (version 1), its body. */
export function frameRequest(head: RequestHead, body: readonly Buffer[]): Buffer {
  const { apiKey, apiVersion, correlationId, clientId } = head;
  const parts = [numbers([apiKey, 2], [apiVersion, 2], [correlationId, 4]), text(clientId), ...body];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([numbers([length, 4]), ...parts], 4 + length);
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
