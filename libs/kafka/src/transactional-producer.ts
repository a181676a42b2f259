import { pause } from '@everloop/service';
import type { Message, Producer, Transaction } from 'kafkajs';
import type { OutRecord } from './bus.ts';
import { chunkLength, recordBytes } from './chunks.ts';
import { hasProtocolType, isTooLarge, kafkaError, tooLarge } from './errors.ts';
import { writeHeaders } from './headers.ts';
import type { KafkaClient } from './kafkajs-client.ts';

/** Longest life of a transaction, milliseconds; afterwards the broker aborts it. Handlers run before it is begun. */
const transactionTimeoutMs = 30_000;
/** Patience with the markers of the commit before: 2,000 times a millisecond. */
const concurrentRetries = 2_000;
const concurrentPauseMs = 1;
/** How long the markers of a commit usually take at most, milliseconds. */
const markersMs = 20;

export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

/** An output with its partition decided. */
export type PlacedRecord = OutRecord & { readonly partition: number };

/** Writes records and offsets in one transaction. To be thrown away after any error. */
export class TransactionalProducer {
  readonly #producer: Producer;
  #committedAt = -Infinity;

  private constructor(producer: Producer) {
    this.#producer = producer;
  }

  /** Takes over a transactional id: ends what an older holder began and makes everything it still tries fail. */
  static async acquire(client: KafkaClient, transactionalId: string): Promise<TransactionalProducer> {
    const producer = client.transactional.producer({
      transactionalId,
      idempotent: true,
      transactionTimeout: transactionTimeoutMs,
      allowAutoTopicCreation: false,
      createPartitioner: () => () => 0,
    });
    try {
      await producer.connect();
      // kafkajs asks for the producer id, which fences, only when a transaction is begun.
      const first = await producer.transaction();
      await first.abort();
      return new TransactionalProducer(producer);
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  /** Commits all of it or, if it rejects, possibly all or nothing; which, the committed offsets tell after the next `acquire`. */
  async commit(groupId: string, records: readonly PlacedRecord[], offsets: readonly OffsetToCommit[]): Promise<void> {
    const transaction = await this.#producer.transaction();
    const parts = groupByPartition(records);
    const writeRecords = async (): Promise<void> => {
      for (const part of parts) await sendPartition(transaction, part);
    };
    if (performance.now() - this.#committedAt < markersMs) {
      // While the coordinator still writes the markers of the commit before, it asks for patience: for offsets that is a
      // millisecond here, for records a back-off and new metadata inside kafkajs.
      await sendOffsets(transaction, groupId, offsets);
      await writeRecords();
    } else {
      const both = await Promise.allSettled([sendOffsets(transaction, groupId, offsets), writeRecords()]);
      for (const result of both) if (result.status === 'rejected') throw result.reason;
    }
    await transaction.commit();
    this.#committedAt = performance.now();
  }

  /** Never rejects. Leaves an open transaction to the next `acquire`. */
  async close(): Promise<void> {
    await this.#producer.disconnect().catch(() => undefined);
  }
}

function groupByPartition(records: readonly PlacedRecord[]): readonly (readonly PlacedRecord[])[] {
  const groups: PlacedRecord[][] = [];
  const byTopic = new Map<string, Map<number, PlacedRecord[]>>();
  for (const record of records) {
    let byPartition = byTopic.get(record.topic);
    if (byPartition === undefined) byTopic.set(record.topic, (byPartition = new Map<number, PlacedRecord[]>()));
    const group = byPartition.get(record.partition);
    if (group !== undefined) {
      group.push(record);
      continue;
    }
    const first = [record];
    byPartition.set(record.partition, first);
    groups.push(first);
  }
  return groups;
}

/** One request never spans partitions: kafkajs can take such a request for answered in full when a leader moves. */
async function sendPartition(transaction: Transaction, records: readonly PlacedRecord[]): Promise<void> {
  const first = records[0];
  if (first === undefined) return;
  const sizes = records.map(recordBytes);
  for (let from = 0; from < records.length;) {
    const count = chunkLength(sizes, from);
    const messages = records.slice(from, from + count).map(toMessage);
    const answer = await transaction.send({ topic: first.topic, messages }).catch((error: unknown) => {
      if (isTooLarge(error)) throw tooLarge(first, sizes.slice(from, from + count), error);
      throw error;
    });
    if (answer.length !== 1) throw incompleteWrite(first.topic, first.partition);
    from += count;
  }
}

/** A record as kafkajs takes it; `batch-write.ts` then also takes headers that are null. */
export function toMessage(record: PlacedRecord): Message & { readonly partition: number } {
  const { partition, key, value, timestampMs } = record;
  // As text: kafkajs takes the number 0 for none.
  const message = { partition, key, value, headers: writeHeaders(record) } as const;
  return (timestampMs === undefined ? message : { ...message, timestamp: String(timestampMs) }) as Message & {
    readonly partition: number;
  };
}

export function incompleteWrite(topic: string, partition: number): Error {
  return kafkaError('writeIncomplete', `the broker did not confirm a write to partition ${partition} of '${topic}'`);
}

/** kafkajs has no patience of its own here. */
async function sendOffsets(
  transaction: Transaction,
  groupId: string,
  offsets: readonly OffsetToCommit[],
): Promise<void> {
  if (offsets.length === 0) return;
  const topics = [...new Set(offsets.map((o) => o.topic))].map((topic) => ({
    topic,
    partitions: offsets
      .filter((o) => o.topic === topic)
      .map(({ partition, offset, metadata }) => ({ partition, offset: offset.toString(), metadata })),
  }));
  for (let tries = 1; ; tries += 1) {
    try {
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      return;
    } catch (error) {
      if (!hasProtocolType(error, 'CONCURRENT_TRANSACTIONS') || tries >= concurrentRetries) throw error;
      await pause(concurrentPauseMs);
    }
  }
}
