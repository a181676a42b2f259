/**
 * What a program of kafkajs's documentation does, in a process of its own, as the limit of a benchmark: `<brokers> <from> <to> <group>` copies
 * a topic with one transaction for each batch, no checks, until it is told to stop. Not safe against workers that stall.
 */
import { Kafka, logLevel } from 'kafkajs';

const [brokers = '', from = '', to = '', groupId = ''] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: groupId,
  brokers: brokers.split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 5 },
});
const producer = kafka.producer({ transactionalId: groupId, idempotent: true, maxInFlightRequests: 1 });
// As much at once as libs/kafka asks for.
const consumer = kafka.consumer({
  groupId,
  readUncommitted: false,
  sessionTimeout: 10_000,
  maxBytesPerPartition: 1 << 20,
  maxBytes: 4 << 20,
  maxWaitTimeInMs: 500,
});
process.on('SIGTERM', () => {
  void (async () => {
    await consumer.disconnect();
    await producer.disconnect();
    process.exit(0);
  })();
});
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topic: from, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    const { partition } = batch;
    const transaction = await producer.transaction();
    const messages = batch.messages.map(({ key, value, headers = {}, timestamp }) => ({
      ...{ key, value, headers, timestamp },
      partition,
    }));
    await transaction.send({ topic: to, messages });
    const offset = String(BigInt(batch.lastOffset()) + 1n);
    await transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [{ topic: from, partitions: [{ partition, offset }] }],
    });
    await transaction.commit();
  },
});
