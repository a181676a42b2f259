import type { Bus, OutRecord, Publisher } from '@everloop/kafka';
import { testBus, uniqueName } from '@everloop/testing';
import { quarantineTopic, validTopic } from '@everloop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSources } from './read-logs.ts';

const records = 2_000;
let bus: Bus;
let publisher: Publisher;

beforeAll(async () => {
  bus = await testBus();
  publisher = bus.publisher({ name: 'report-test' });
  await publisher.start();
});
afterAll(async () => {
  await publisher.stop();
  await bus.stop();
});

/** A source with two partitions, every tenth record quarantined; `lose` is left out of the outputs. */
async function writeSource(topic: string, lose: string | null): Promise<void> {
  const names = [topic, validTopic(topic), quarantineTopic(topic)];
  await bus.ensureTopics(names.map((name) => ({ name, partitions: 2 })));
  const raw: OutRecord[] = Array.from({ length: records }, (_, i) => ({
    topic,
    partition: i % 2,
    key: String(i),
    value: '{}',
  }));
  await publisher.publish(raw);
  await publisher.publishWatermark(topic, 1);
  const outputs: OutRecord[] = raw.flatMap((record, i) => {
    const source = `${topic}/${String(i % 2)}/${String(Math.floor(i / 2))}`;
    if (source === lose) return [];
    const isBroken = i % 10 === 0;
    const reasons = JSON.stringify([{ rule: 'required', path: 'arr_delay', message: '', value: '' }]);
    const why: Record<string, string> = isBroken ? { 'evl-reasons': reasons, ce_time: '2013-01-05T00:00:00.000Z' } : {};
    const target = isBroken ? quarantineTopic(topic) : validTopic(topic);
    return [{ ...record, topic: target, headers: { 'evl-src': source, ...why } }];
  });
  await publisher.publish(outputs);
}

describe('readSources', () => {
  it('balances a source, markers left out, and counts the reasons', async () => {
    const topic = uniqueName('report');
    await writeSource(topic, null);
    const { ledgers, quarantine } = await readSources(bus, [topic]);
    expect(ledgers[0]?.balance()).toEqual({
      topic,
      records,
      replayed: 0,
      valid: 1_800,
      quarantined: 200,
      missing: 0,
      duplicated: 0,
      inBoth: 0,
      unknown: 0,
    });
    expect(quarantine.top((month) => month === '2013-01', 3)).toEqual([{ reason: 'required arr_delay', records: 200 }]);
  });

  it('finds the one record that was lost', async () => {
    const topic = uniqueName('report');
    await writeSource(topic, `${topic}/1/7`);
    const { ledgers } = await readSources(bus, [topic]);
    expect(ledgers[0]?.balance()).toMatchObject({ records, missing: 1 });
  });

  it('a source that nobody has created is empty', async () => {
    const { ledgers } = await readSources(bus, [uniqueName('report')]);
    expect(ledgers[0]?.balance()).toMatchObject({ records: 0, unknown: 0 });
  });
});
