/**
 * Reads a topic of predictions as a consumer group and decodes each, nothing more: what a detector cannot do without. `<brokers> <topic> <group>`,
 * until it is told to stop. By the same library as the detector, whose reader is faster than kafkajs's own.
 */
import { serving } from '@everloop/contracts';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';

const [brokers = '', topic = '', groupId = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'bench', level: 'error' });
const bus = createKafkaBus({
  ...{ brokers: brokers.split(','), clientId: groupId, logger, metrics: createMetrics('bench') },
});
let sum = 0;
const reader = bus.tasks({
  groupId,
  inputs: [topic],
  createHandler: () => ({
    onRecords(batch) {
      for (const { value } of batch.records) if (value !== null) sum += serving.Inference.decode(value).score;
    },
  }),
  restore: { kind: 'none' },
});
process.on('SIGTERM', () => {
  void (async () => {
    await reader.stop();
    await bus.stop();
    // Used, so that decoding is not optimised away.
    process.exit(Number.isNaN(sum) ? 1 : 0);
  })();
});
await bus.start();
await reader.start();
