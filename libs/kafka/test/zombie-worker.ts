import { createRequire } from 'node:module';
import { copyTask } from './fixtures.ts';
import { testBus } from './support.ts';

/*
 * A process that copies `from` to `to` and, when asked to, stops itself (as a long garbage collection or a suspended machine
 * would) at its third batch: `handler` before the transaction is begun, `produce` between its writes and its commit.
 */
const [groupId = '', from = '', to = '', stall = ''] = process.argv.slice(2);
let batches = 0;

function stallAt(point: string): void {
  if (stall !== point || (batches += 1) !== 3) return;
  process.send?.('stalled');
  process.kill(process.pid, 'SIGSTOP');
}

const require = createRequire(import.meta.url);
const broker = require('kafkajs/src/broker/index.js') as {
  prototype: { produce: (...args: unknown[]) => Promise<unknown> };
};
const produce = broker.prototype.produce;
broker.prototype.produce = async function (...args: unknown[]) {
  const answer = await produce.apply(this, args);
  stallAt('produce');
  return answer;
};

const bus = testBus({ sessionTimeoutMs: 6_000 });
await bus.start();
const runner = copyTask(bus, groupId, from, to, {
  createHandler: (partition) => ({
    onRecords(batch, context) {
      for (const { key, value } of batch.records) context.emit({ topic: to, partition, key, value });
      stallAt('handler');
    },
  }),
});
await runner.start();
process.on('message', (message) => {
  if (message !== 'stop') return;
  void runner
    .stop()
    .then(async () => await bus.stop())
    .then(() => process.exit(0));
});
process.send?.('running');
