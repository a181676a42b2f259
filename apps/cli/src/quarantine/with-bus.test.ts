import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withBus } from './with-bus.ts';

/** Takes connections and never answers. */
const silent = createServer();
beforeAll(async () => await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  silent.close();
});

it('a broker that does not answer is an error that says what to do', async () => {
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const asked = withBus([address], async () => 'never', 50);
  await expect(asked).rejects.toThrow(
    `Kafka at ${address} did not answer in 0.05 s; start it with "npm start", or name another with --brokers or KAFKA_BROKERS`,
  );
});
