import type { BatchSpec, SourceSpec } from '@everloop/contracts';
import type { Chunk, Connector, Item, Part } from '../src/ports.ts';
import type { Telemetry } from '../src/telemetry.ts';

export const quiet: Telemetry = {
  read: () => undefined,
  partFinished: () => undefined,
  putAside: () => undefined,
  passFinished: () => undefined,
  heldBack: () => undefined,
  sourceStarted: () => undefined,
  sourceEnded: () => undefined,
  sourceFailed: () => undefined,
};

/** A source of trips; `batch` is completed with the defaults. */
export function tripSource(batch: Partial<BatchSpec> & Pick<BatchSpec, 'kind'>, topic = 'trips', partitions = 2) {
  const full: BatchSpec = { cursor: [], columns: {}, known: 'landing', everyMs: 20, markers: false, ...batch };
  const spec: SourceSpec = {
    topic,
    partitions,
    format: 'json',
    compatibility: 'backward',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    fields: {
      id: { type: 'string', required: true },
      at: { type: 'timestamp', required: true },
      miles: { type: 'number', required: false },
      note: { type: 'string', required: false },
    },
    unique: [],
    rules: [],
    windows: [],
    batch: full,
  };
  return { spec, batch: full };
}

export const signal = new AbortController().signal;

export async function chunksOf(connector: Connector, part: Part, cursor = ''): Promise<Chunk[]> {
  const chunks = [];
  const version = await connector.version(part, signal);
  for await (const chunk of connector.read(part, version, cursor, signal)) chunks.push(chunk);
  return chunks;
}

/** Every item of every part, in order. */
export async function itemsOf(connector: Connector): Promise<Item[]> {
  const items: Item[] = [];
  for (const part of await connector.list(signal))
    for (const chunk of await chunksOf(connector, part)) items.push(...chunk.items);
  return items;
}
