import { topics } from '@everloop/contracts';
import type { OutRecord } from '@everloop/kafka';
import { deferred, ServiceError } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { createKafkaInferenceLog } from './kafka-inference-log.ts';

function setUp(failures: readonly ServiceError[] = [], lingerMs = 1_000) {
  const facts: string[] = [];
  const left = [...failures];
  const gate = { promise: Promise.resolve() };
  const log = createKafkaInferenceLog({
    lingerMs,
    now: () => 17,
    publisher: {
      publish: async (records: readonly OutRecord[]) => {
        await gate.promise;
        const failure = left.shift();
        if (failure !== undefined) throw failure;
        facts.push(`published ${records.map((record) => `${record.topic} ${String(record.key)}`).join(', ')}`);
      },
      publishWatermark: async (topic, watermarkMs) => void facts.push(`marked ${topic} ${watermarkMs}`),
    },
    onRetry: (_error, records) => facts.push(`retried ${records}`),
    onRefused: (_error, records) => facts.push(`refused ${records}`),
  });
  return { log, facts, gate };
}

const record = (joinKey: string, bytes = 10) => ({ joinKey, value: Buffer.alloc(bytes) });
const failure = (code: string, kind: 'retryable' | 'terminal') => new ServiceError({ code, kind, message: code });

describe('Kafka inference log', () => {
  it('writes the watermark to both topics behind everything that was appended', async () => {
    const { log, facts } = setUp();
    log.append('served', record('a'));
    log.append('shadowed', record('b'));
    await log.advance(5);
    expect(facts).toEqual([
      `published ${topics.inferenceServed} a, ${topics.inferenceShadowed} b`,
      `marked ${topics.inferenceServed} 5`,
      `marked ${topics.inferenceShadowed} 5`,
    ]);
  });

  it('counts bytes from append to acknowledgement', async () => {
    const { log, gate } = setUp();
    const acknowledged = deferred();
    gate.promise = acknowledged.promise;
    log.append('served', record('key', 100));
    const queued = log.queuedBytes;
    expect(queued).toBeGreaterThan(100);
    const flushed = log.flush();
    expect(log.queuedBytes).toBe(queued);
    acknowledged.resolve();
    await flushed;
    expect(log.queuedBytes).toBe(0);
  });

  it('does not wait for company when much is waiting', async () => {
    const { log, facts } = setUp();
    log.append('served', record('big', 300_000));
    await Promise.resolve();
    await Promise.resolve();
    expect(facts).toHaveLength(1);
  });

  it('tries a publication again that could not be queued', async () => {
    const { log, facts } = setUp([failure('EVL_KAFKA_QUEUE_FULL', 'retryable')]);
    log.append('served', record('a'));
    await log.flush();
    expect(facts).toEqual(['retried 1', `published ${topics.inferenceServed} a`]);
  });

  it('reports what Kafka refuses for good and goes on', async () => {
    const { log, facts } = setUp([failure('EVL_KAFKA_RECORD_TOO_LARGE', 'terminal')]);
    log.append('served', record('a'));
    await log.flush();
    expect(facts).toEqual(['refused 1']);
    expect(log.queuedBytes).toBe(0);
  });
});
