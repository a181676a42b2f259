import { testBrokers, testRedisUrl } from '@everloop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRealGateway, type RealGateway } from '../real/real-gateway.ts';
import { fuzzGateway } from './fuzz.ts';

let gateway: RealGateway;
beforeAll(async () => {
  gateway = await startRealGateway({ brokers: testBrokers().join(','), redisUrl: testRedisUrl(), decides: true });
});
afterAll(() => gateway.stop());

it(
  'malformed calls change no answer to a valid one, and each ends as it is documented',
  { timeout: 240_000 },
  async () => {
    const report = await fuzzGateway(gateway, { seed: 20, from: 0, forMs: 20_000, log: () => undefined });
    expect(report.findings).toEqual([]);
    expect(report.cases).toBeGreaterThanOrEqual(400);
    expect(report.validRequests).toBeGreaterThan(50);
    expect(report.rewards).toBeGreaterThan(10);
    // Malformed calls were understood and refused, and some mutations do no harm.
    for (const outcome of ['grpc 0', 'grpc 3', 'http 200', 'http 400', 'bytes reset'])
      expect(report.outcomes[outcome]).toBeGreaterThan(0);
  },
);
