import { createFieldReader, schemaRegistries } from '@everloop/records';
import { startMiniRegistry, type MiniRegistry } from '@everloop/records/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { quiet, signal, tripSource } from '../../test/support.ts';
import type { Connector, Item } from '../ports.ts';
import { createBatchFeed } from './batch-feed.ts';

let registry: MiniRegistry;
beforeAll(async () => {
  registry = await startMiniRegistry();
});
afterAll(() => registry.stop());

function connectorOf(items: readonly Item[]): Connector {
  return {
    list: () => Promise.resolve([{ name: 'p', hint: '1', grows: false }]),
    version: () => Promise.resolve('1'),
    async *read() {
      yield await Promise.resolve({ items, cursor: 'c' });
    },
    close: () => Promise.resolve(),
  };
}

it.each(['avro', 'json-schema', 'protobuf'] as const)(
  'rows are written as %s; one that does not fit goes on as JSON',
  async (format) => {
    const { spec, batch } = tripSource({ kind: 'csv' }, `trips-${format}`);
    const source = { ...spec, format, schemaRegistry: registry.url };
    const rows: Item[] = [
      { kind: 'row', row: { id: 'a', at: '2020-01-01 00:00:00', miles: '1.5' }, place: 'p:1' },
      { kind: 'row', row: { id: 'b', at: '2020-01-01', miles: 'far' }, place: 'p:2' },
    ];
    const registryOf = schemaRegistries({});
    const feed = createBatchFeed({
      source: 'trips',
      spec: source,
      batch,
      connect: () => connectorOf(rows),
      registryOf,
      telemetry: quiet,
      clock: () => 7,
    });
    const handler = await feed.open(new Map());
    const sent = (await handler.next(signal))?.records ?? [];
    const reader = createFieldReader(source, registryOf);
    const [good, bad] = sent
      .filter(({ topic }) => topic === source.topic)
      .map(({ value }) => ({ value: value as Buffer, headers: {} }));
    if (good === undefined || bad === undefined) throw new Error('two records were expected');
    await reader.prefetch([good]);
    expect(reader.read(good)).toMatchObject({ id: 'a', at: '2020-01-01T00:00:00Z', miles: 1.5 });
    // A derived JSON Schema leaves the judgement to the contract.
    if (format === 'json-schema') expect(reader.read(bad)).toMatchObject({ miles: 'far' });
    else expect(JSON.parse(String(bad.value))).toMatchObject({ id: 'b', miles: 'far' });
    await handler.close?.();
  },
);
