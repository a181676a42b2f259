import { describe, expect, it } from 'vitest';
import { readMarker } from './markers.ts';
import { OutputBuffer } from './task-context.ts';

const counts = (topic: string): Promise<number> => Promise.resolve(topic === 'same' ? 2 : topic === 'wide' ? 8 : 1);
const task = { groupId: 'g', tasks: 2 };

describe('OutputBuffer', () => {
  it.each([
    {
      name: 'own partition of a topic with as many: one writer',
      topic: 'same',
      partition: undefined,
      place: 1,
      writers: 1,
    },
    { name: 'single partition: every task writes', topic: 'single', partition: undefined, place: 0, writers: 2 },
    {
      name: 'a partition chosen in a topic with as many, not the own',
      topic: 'same',
      partition: 0,
      place: 0,
      writers: 2,
    },
    { name: 'more partitions than tasks', topic: 'wide', partition: undefined, place: 0, writers: 2 },
  ])('marker, $name', async ({ topic, partition, place, writers }) => {
    const outputs = new OutputBuffer(1, false);
    outputs.emitWatermark(topic, 7, partition);
    const [record] = await outputs.take(task, counts);
    expect(record?.partition).toBe(place);
    expect(readMarker({ headers: record?.headers ?? {} })).toEqual({ watermarkMs: 7, writer: 'g/1', writers });
  });

  it('keeps the order and places keys as Kafka does', async () => {
    const outputs = new OutputBuffer(0, false);
    outputs.emit({ topic: 'wide', key: 'foobar', value: '1' });
    outputs.emitWatermark('wide', 5);
    outputs.emit({ topic: 'wide', partition: 3, key: null, value: '2' });
    const records = await outputs.take(task, counts);
    expect(records.map((r) => [r.partition, r.value])).toEqual([
      [(-790332482 & 0x7fffffff) % 8, '1'],
      [0, ''],
      [3, '2'],
    ]);
    expect(await outputs.take(task, counts)).toEqual([]);
  });

  it('refuses a partition that the topic does not have', async () => {
    const outputs = new OutputBuffer(0, false);
    outputs.emit({ topic: 'same', partition: 2, key: null, value: null });
    await expect(outputs.take(task, counts)).rejects.toMatchObject({ code: 'EVL_KAFKA_PARTITION_UNKNOWN' });
  });

  it('drops what is emitted while state is rebuilt', async () => {
    const outputs = new OutputBuffer(0, true);
    outputs.emit({ topic: 'same', key: null, value: null });
    outputs.emitWatermark('same', 1);
    expect(await outputs.take(task, counts)).toEqual([]);
  });
});
