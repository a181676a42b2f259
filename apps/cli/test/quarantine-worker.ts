import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { isolatedBus, testBrokers } from '@everloop/testing';
import { replay } from '../src/quarantine/replay.ts';

/** `everloop quarantine replay` in a process of its own, so that a test can kill it. Its topics begin with the given prefix. */
const [prefix = '', source = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'everloop', level: 'silent' });
const bus = createKafkaBus({
  brokers: testBrokers(),
  clientId: prefix,
  logger,
  metrics: createMetrics('test'),
  sessionTimeoutMs: 6_000,
});
await bus.start();
process.send?.('started');
const text = await replay(isolatedBus(bus, prefix), {
  source,
  dryRun: false,
  force: false,
  env: {},
  patch: { delay: 0 },
});
await bus.stop();
process.send?.(text);
process.disconnect();
