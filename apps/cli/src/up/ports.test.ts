import { describe, expect, it } from 'vitest';
import { neededPorts } from './platform.ts';
import { planPorts } from './ports.ts';

describe('planPorts', () => {
  it('takes the documented defaults', async () => {
    const { ports, wanted } = await planPorts(undefined, {});
    expect(ports).toMatchObject({
      kafka: 19_092,
      kafkaController: 19_093,
      redis: 16_379,
      http: { console: 8080, gateway: 8101, 'drift-detector': 8108 },
      grpc: { gateway: 8001, 'feature-store': 8002, registry: 8003, trainer: 8004, rollout: 8005 },
      feast: 6_566,
    });
    expect(wanted).toHaveLength(19);
  });

  it("a port's own variable wins over --ports-from", async () => {
    const { ports } = await planPorts(30_000, { EVL_FEATURE_STORE_GRPC_PORT: '4711' });
    expect(ports.kafka).toBe(30_000);
    expect(ports.grpc['feature-store']).toBe(4711);
    expect(new Set([ports.kafka, ports.redis, ...Object.values(ports.http), ...Object.values(ports.grpc)]).size).toBe(
      17,
    );
  });

  it('0 takes free ports', async () => {
    const { wanted } = await planPorts(0, {});
    expect(new Set(wanted.map(({ port }) => port)).size).toBe(19);
  });

  it.each([[-1], [65_530], [1.5]])('--ports-from %d is refused', async (from) => {
    await expect(planPorts(from, {})).rejects.toMatchObject({ code: 'EVL_UP_PORT_INVALID' });
  });

  it('a variable that is no port is named', async () => {
    await expect(planPorts(undefined, { EVL_KAFKA_PORT: 'abc' })).rejects.toThrow(/EVL_KAFKA_PORT is 'abc'/);
  });
});

it('ports of a Kafka or Redis that runs elsewhere are not needed', async () => {
  const { wanted } = await planPorts(undefined, {});
  const names = (env: Record<string, string>): string[] => neededPorts(wanted, env).map(({ env: name }) => name);
  expect(names({ KAFKA_BROKERS: 'k:9092' })).not.toContain('EVL_KAFKA_CONTROLLER_PORT');
  expect(names({ KAFKA_BROKERS: 'k:9092' })).toContain('EVL_REDIS_PORT');
  expect(names({ REDIS_URL: 'redis://r' })).not.toContain('EVL_REDIS_PORT');
  expect(names({ KAFKA_BROKERS: ' ' })).toHaveLength(19);
});
