import { describe, expect, it, vi } from 'vitest';

import { memoryRows, silentTelemetry, tripResources } from '../../test/fixtures.ts';
import { topologyOf } from '../domain/topology.ts';
import type { History } from '../ports.ts';
import { createFeatureSink } from './feature-sink.ts';
import { OnlineWriter } from './online-writer.ts';

const topology = topologyOf(tripResources('t'));
const topic = 't.arrived.valid';

function sinkWith(stored: number, end: number) {
  const append = vi.fn<History['append']>(async () => undefined);
  const history = { nextOffset: async () => stored, append, release: () => undefined } as unknown as History;
  const online = new OnlineWriter(memoryRows(), 10, silentTelemetry);
  return {
    append,
    sink: createFeatureSink({ topology, online, history, telemetry: silentTelemetry, ends: async () => end }),
  };
}

describe('the sink', () => {
  it('starts where the side that is behind needs it', async () => {
    expect(await sinkWith(7, 7).sink.position(topic, 0)).toBeNull();
    const labelsOnly = topologyOf(tripResources('t').filter(({ kind }) => kind !== 'FeatureView'));
    const history = { nextOffset: async () => 7, release: () => undefined } as unknown as History;
    const online = new OnlineWriter(memoryRows(), 10, silentTelemetry);
    const sink = createFeatureSink({
      topology: labelsOnly,
      online,
      history,
      telemetry: silentTelemetry,
      ends: async () => 9,
    });
    expect(await sink.position(topic, 0)).toBe(7n);
  });

  it('refuses stores that are ahead of the topic: they belong to another Kafka', async () => {
    await expect(sinkWith(8, 7).sink.position(topic, 0)).rejects.toMatchObject({ code: 'EVL_FEATURES_LOG_MISMATCH' });
  });

  it('counts an event that is later than its Source allows, and applies it all the same', async () => {
    const late = vi.spyOn(silentTelemetry, 'late');
    const { sink, append } = sinkWith(0, 9);
    const allowed = topology.work.get(topic)?.source.allowedLatenessMs ?? 0;
    const times = [10_000_000, 10_000_000 - allowed, 10_000_000 - allowed - 7];
    const records = times.map((at, index) => ({
      ...{ topic, partition: 0, offset: BigInt(index), key: null, headers: {}, timestampMs: 0 },
      value: Buffer.from(JSON.stringify({ trip: 'a', at })),
    }));
    const batch = { topic, partition: 0, records };
    await sink.apply(batch, { nextOffset: 3n, watermarkMs: null });
    await sink.apply(batch, { nextOffset: 3n, watermarkMs: null });
    expect(late.mock.calls).toEqual([[topology.work.get(topic)?.table.source, [allowed + 7]]]);
    expect(append.mock.calls[0]?.[2]).toHaveLength(3);
  });

  it('leaves out what is no JSON object and goes on', async () => {
    const undecodable = vi.spyOn(silentTelemetry, 'undecodable');
    const { sink, append } = sinkWith(0, 9);
    const values = [Buffer.from('{"trip":"a","at":5}'), Buffer.from('[1'), null, Buffer.from('null')];
    const records = values.map((value, index) => ({
      topic,
      partition: 0,
      offset: BigInt(index),
      key: null,
      value,
      headers: {},
      timestampMs: 0,
    }));
    await sink.apply({ topic, partition: 0, records }, { nextOffset: 4n, watermarkMs: null });
    expect(undecodable).toHaveBeenCalledTimes(3);
    expect(append.mock.calls[0]?.[2]).toMatchObject([{ offset: 0, timeMs: 5 }]);
    expect(append.mock.calls[0]?.[3]).toBe(4);
  });
});
