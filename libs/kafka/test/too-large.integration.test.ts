import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Bus } from '../src/index.ts';
import { createKafkaClient } from '../src/kafkajs-client.ts';
import { kafkajs } from '../src/kafkajs-patches.ts';
import { copyTask } from './fixtures.ts';
import { brokers, capturingLogger, eventually, readTopic, testBus, uniqueName } from './support.ts';

const { logger } = capturingLogger();
const admin = createKafkaClient({ brokers, clientId: 'too-large', logger }).kafka.admin();
let bus: Bus;

beforeAll(async () => {
  bus = testBus();
  await bus.start();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await bus.stop();
});

it('a record that is too large for where a task writes waits, said with what to do, and goes on when the topic takes it', async () => {
  const [from, to, groupId] = [uniqueName('from'), uniqueName('to'), uniqueName('g')];
  const limit = (bytes: number) => ({ 'max.message.bytes': String(bytes) });
  await bus.ensureTopics([
    { name: from, partitions: 1, config: limit(3_000_000) },
    { name: to, partitions: 1, config: limit(1_000_000) },
  ]);
  expect(await bus.messageBytesMax(to)).toBe(1_000_000);
  const sizes = [10, 2_000_000, 20];
  const publisher = bus.publisher({ name: 'fixture' });
  for (const size of sizes) await publisher.publish([{ topic: from, key: 'k', value: Buffer.alloc(size, 'x') }]);
  await publisher.stop();
  const tasks = copyTask(bus, groupId, from, to);
  await tasks.start();
  await eventually(() => {
    const health = tasks.health?.() ?? { ok: true };
    return (
      !health.ok && /a record of about 2\d{6} bytes is larger than topic .* raise the topic's max/.test(health.reason)
    );
  });
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: to,
        configEntries: Object.entries(limit(3_100_000)).map(([name, value]) => ({ name, value })),
      },
    ],
  });
  const copied = await eventually(async () => {
    const found = await readTopic(bus, to);
    return found.length === sizes.length && found;
  });
  expect(copied.map(({ value }) => value?.length)).toEqual(sizes);
  await eventually(() => tasks.health?.().ok === true);
  await tasks.stop();
});
