import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { checkPorts, freePorts } from './ports.ts';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function occupy(host = '127.0.0.1'): Promise<number> {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return port;
}

describe('checkPorts', () => {
  it('accepts free ports', async () => {
    const [one = 0, two = 0] = await freePorts(2);
    await checkPorts([
      { port: one, what: 'Kafka', env: 'EVL_KAFKA_PORT' },
      { port: two, what: 'Redis', env: 'EVL_REDIS_PORT' },
    ]);
  });

  it('names every busy port at once: who wants it and how to choose another', async () => {
    const [kafka, redis] = [await occupy(), await occupy('0.0.0.0')];
    const [free = 0] = await freePorts(1);
    const wanted = [
      { port: kafka, what: 'Kafka', env: 'EVL_KAFKA_PORT' },
      { port: free, what: 'the console', env: 'EVL_CONSOLE_HTTP_PORT' },
      { port: redis, what: 'Redis', env: 'EVL_REDIS_PORT' },
    ];
    const error = await checkPorts(wanted).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'EVL_LOCAL_PORTS_BUSY', kind: 'terminal' });
    const { message } = error as Error;
    expect(message).toContain(
      `port ${kafka} for Kafka is used by another program; choose another with EVL_KAFKA_PORT=<port>`,
    );
    expect(message).toContain(`port ${redis} for Redis is used`);
    expect(message).not.toContain('the console');
  });

  it('refuses one port for two, and what is no port', async () => {
    const [port = 0] = await freePorts(1);
    const twice = [
      { port, what: 'Kafka', env: 'EVL_KAFKA_PORT' },
      { port, what: 'Redis', env: 'EVL_REDIS_PORT' },
      { port: 70_000, what: 'the gateway', env: 'EVL_GATEWAY_HTTP_PORT' },
    ];
    const checking = checkPorts(twice);
    await expect(checking).rejects.toThrow(/for Redis is also wanted by Kafka \(EVL_KAFKA_PORT\)/);
    await expect(checking).rejects.toThrow(/the gateway is no port number/);
  });
});

it('free ports are different', async () => {
  expect(new Set(await freePorts(20)).size).toBe(20);
});
