import { topics } from '@everloop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus, BusRecord } from '../src/index.ts';
import { copyHandler, copyTask, numbered, publishAll } from './fixtures.ts';
import { eventually, readTopic, testBus, text, uniqueName } from './support.ts';

let bus: Bus;
beforeAll(async () => {
  bus = testBus();
  await bus.start();
});
afterAll(async () => await bus.stop());

describe('watermarks', () => {
  it('pass through two tasks into one partition: its watermark is that of the slower', async () => {
    const [from, to] = [uniqueName('from'), uniqueName('to')];
    await bus.ensureTopics([
      { name: from, partitions: 2 },
      { name: to, partitions: 1 },
    ]);
    const runner = bus.tasks({
      groupId: uniqueName('g'),
      inputs: [from],
      createHandler: () => ({
        onRecords: (batch, context) => {
          for (const { key, value } of batch.records) context.emit({ topic: to, partition: 0, key, value });
        },
        onWatermark: (watermarkMs, context) => context.emitWatermark(to, watermarkMs),
      }),
    });
    const seen: (string | number)[] = [];
    const follower = bus.follow({
      topics: [to],
      from: 'beginning',
      onRecord: (record) => void seen.push(text(record)),
      onWatermark: (_topic, watermarkMs) => void seen.push(watermarkMs),
    });
    await Promise.all([runner.start(), follower.start()]);
    const markers = bus.publisher({ name: 'clock' });
    const mark = async (partition: number, watermarkMs: number): Promise<void> =>
      await markers.publish([
        {
          topic: from,
          partition,
          key: 'm',
          value: '',
          headers: { 'evl-watermark': String(watermarkMs), 'evl-writer': 'clock', 'evl-writers': '1' },
        },
      ]);
    await publishAll(bus, numbered(from, 2, 2));
    await mark(0, 100);
    await mark(1, 60);
    await eventually(() => seen.includes(60));
    await publishAll(bus, numbered(from, 2, 2, 2));
    await mark(1, 200);
    await eventually(() => seen.includes(100));
    expect(seen.filter((s) => typeof s === 'number')).toEqual([60, 100]);
    expect(seen.slice(0, seen.indexOf(60)).sort()).toEqual(['0', '1']);
    // What partition 1 wrote before its marker is read before the watermark that it allows.
    expect(seen.indexOf('3')).toBeLessThan(seen.indexOf(100));
    await Promise.all([runner.stop(), follower.stop(), markers.stop()]);
  });

  it('survive a restart: progress is reported again and the other partition alone can move them', async () => {
    const [from, to] = [uniqueName('from'), uniqueName('to')];
    await bus.ensureTopics([
      { name: from, partitions: 1 },
      { name: to, partitions: 1 },
    ]);
    const service = uniqueName('svc');
    const groupId = uniqueName('g');
    const progress: { watermarkMs: number; stage: string }[] = [];
    await bus.ensureTopics([{ name: topics.progress, partitions: 1 }]);
    const watcher = bus.follow({
      topics: [topics.progress],
      from: 'end',
      onRecord: (record: BusRecord) => {
        if (record.key?.toString() === `${service}/main`)
          progress.push(JSON.parse(text(record)) as { watermarkMs: number; stage: string });
      },
    });
    await watcher.start();
    const clock = bus.publisher({ name: 'clock' });
    await clock.publishWatermark(from, 5_000);
    for (const expected of [1, 2]) {
      const runner = copyTask(bus, groupId, from, to, { progress: { service, stage: 'main' } });
      await runner.start();
      await eventually(() => progress.length === expected);
      await runner.stop();
    }
    expect(progress.map((p) => [p.stage, p.watermarkMs])).toEqual([
      ['main', 5_000],
      ['main', 5_000],
    ]);
    await Promise.all([watcher.stop(), clock.stop()]);
  });

  it('replay gives the committed records again, merged by watermark, and drops what is emitted', async () => {
    const [a, b, to] = [uniqueName('a'), uniqueName('b'), uniqueName('to')];
    await bus.ensureTopics([a, b, to].map((name) => ({ name, partitions: 1 })));
    const groupId = uniqueName('g');
    const calls: string[] = [];
    const make = () =>
      bus.tasks({
        groupId,
        inputs: [a, b],
        restore: { kind: 'replay' },
        createHandler: () => ({
          onRecords: (batch, context) => {
            for (const record of batch.records) {
              calls.push(`${context.replaying ? 'again ' : ''}${text(record)}`);
              context.emit({ topic: to, key: null, value: record.value });
            }
          },
          onWatermark: (watermarkMs, context) => void calls.push(`${context.replaying ? 'again ' : ''}w${watermarkMs}`),
        }),
      });
    const clock = bus.publisher({ name: 'clock' });
    await clock.publish([{ topic: a, key: null, value: 'a1' }]);
    await clock.publishWatermark(a, 10);
    await clock.publish([{ topic: a, key: null, value: 'a2' }]);
    await clock.publishWatermark(a, 20);
    await clock.publish([{ topic: b, key: null, value: 'b1' }]);
    await clock.publishWatermark(b, 10);
    const first = make();
    await first.start();
    await eventually(() => calls.includes('w10'));
    await first.stop();
    calls.length = 0;
    await clock.publishWatermark(b, 20);
    const second = make();
    await second.start();
    await eventually(() => calls.includes('w20'));
    await second.stop();
    expect(calls).toEqual(['again a1', 'again b1', 'again w10', 'again a2', 'w20']);
    expect((await readTopic(bus, to)).length).toBe(3);
    await clock.stop();
  });

  it('changelog restores the newest value of each key of the own partition', async () => {
    const [from, state] = [uniqueName('from'), uniqueName('state')];
    await bus.ensureTopics([
      { name: from, partitions: 2 },
      { name: state, partitions: 2, compacted: true },
    ]);
    const groupId = uniqueName('g');
    const restored = new Map<number, string[]>();
    const make = () =>
      bus.tasks({
        groupId,
        inputs: [from],
        restore: {
          kind: 'changelog',
          topic: state,
          restore: (handler, records) => {
            const partition = (handler as unknown as { partition: number }).partition;
            restored.set(partition, records.map((r) => `${r.key?.toString()}=${text(r)}`).sort());
          },
        },
        createHandler: (partition) =>
          Object.assign(copyHandler(state), {
            partition,
            onRecords: (
              batch: { records: readonly BusRecord[] },
              context: Parameters<ReturnType<typeof copyHandler>['onRecords']>[1],
            ) => {
              for (const { key, value } of batch.records) {
                context.emit({ topic: state, partition, key, value: value?.toString() === 'gone' ? null : value });
              }
              context.emitWatermark(state, Date.now());
            },
          }),
      });
    const records = [
      ['x', '1'],
      ['y', '1'],
      ['x', '2'],
      ['y', 'gone'],
      ['z', '3'],
    ].map(([key = '', value = '']) => ({ topic: from, partition: 1, key, value }));
    await publishAll(bus, [...records, { topic: from, partition: 0, key: 'other', value: '9' }]);
    const first = make();
    await first.start();
    await eventually(async () => (await readTopic(bus, state)).length === 6);
    await first.stop();
    restored.clear();
    const second = make();
    await second.start();
    await eventually(() => restored.size === 2);
    await second.stop();
    expect([restored.get(0), restored.get(1)]).toEqual([['other=9'], ['x=2', 'z=3']]);
  });
});
