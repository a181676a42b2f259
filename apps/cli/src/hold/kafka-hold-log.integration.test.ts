import { encodeEvent, quality, qualityTopic, qualityTypes, topics } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { isolatedBus, testBus, uniqueName } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdLog } from './kafka-hold-log.ts';

const { OPEN, RELEASED } = quality.HoldState;
const hold = (id: string, state: quality.HoldState): quality.Hold =>
  quality.Hold.fromPartial({ id, state, source: 's', topic: 't', window: 'w', rules: ['r'] });
let inner: Bus;
let bus: Bus;

beforeAll(async () => {
  inner = await testBus();
  bus = isolatedBus(inner, uniqueName('holds'));
});
afterAll(async () => await inner.stop());

async function say(topic: string, key: string, data: unknown): Promise<void> {
  const publisher = bus.publisher({ name: 'judge' });
  const event = encodeEvent({ id: key, type: topic, source: 'test', subject: 's', data });
  await publisher.start();
  await publisher.publish([{ topic, partition: 0, key, ...event }]);
  await publisher.stop();
}

describe('holds in Kafka', () => {
  it('are none before any judge has run', async () => {
    expect(await holdLog(bus).holds()).toEqual([]);
    expect(await holdLog(bus).reports(hold('a', OPEN))).toEqual([]);
  });

  it('are read in their newest state, with their reports, and released through the log of their Source', async () => {
    const named = [topics.qualityReport, qualityTopic('t')].map((name) => ({ name, partitions: 1 }));
    await bus.ensureTopics([...named, { name: topics.qualityHold, partitions: 1, compacted: true }]);
    await say(topics.qualityHold, 'a', quality.Hold.toJSON(hold('a', OPEN)));
    await say(topics.qualityHold, 'b', quality.Hold.toJSON(hold('b', OPEN)));
    await say(topics.qualityHold, 'b', quality.Hold.toJSON(hold('b', RELEASED)));
    await say(topics.qualityHold, 'judged/s', quality.SourceJudged.toJSON({ source: 's', watermarkMs: 9 }));
    for (const [id, startMs, holdId] of [
      ['y', 20, 'a'],
      ['x', 10, 'a'],
      ['z', 30, ''],
    ] as const) {
      const report = quality.WindowReport.fromPartial({ id, source: 's', startMs, holdId });
      await say(topics.qualityReport, 's', quality.WindowReport.toJSON(report));
    }
    const log = holdLog(bus);
    expect((await log.holds()).map(({ id, state }) => [id, state])).toEqual([
      ['a', OPEN],
      ['b', RELEASED],
    ]);
    expect((await log.reports(hold('a', OPEN))).map(({ id }) => id)).toEqual(['x', 'y']);

    const commands: BusRecord[] = [];
    const judge = bus.follow({
      topics: [qualityTopic('t')],
      from: 'beginning',
      onRecord: async (record) => {
        commands.push(record);
        await say(topics.qualityHold, 'a', quality.Hold.toJSON({ ...hold('a', RELEASED), accepted: true }));
      },
    });
    await judge.start();
    const command = { id: 'c', hold: hold('a', OPEN), accept: true, reason: 'fine', by: 'kim' };
    expect(await log.release(command)).toMatchObject({ id: 'a', state: RELEASED, accepted: true });
    await judge.stop();
    expect(commands[0]?.headers['ce_type']).toBe(qualityTypes.release);
    const sent = quality.ReleaseHold.fromJSON(JSON.parse(commands[0]?.value?.toString() ?? ''));
    expect(sent).toMatchObject({ accept: true, reason: 'fine', by: 'kim', hold: { id: 'a', source: 's' } });
    expect(await holdLog(bus, 50).release({ ...command, hold: hold('nobody', OPEN) })).toBeNull();
  });
});
