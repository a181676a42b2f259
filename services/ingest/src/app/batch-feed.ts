import { encodeEvent, eventId, ingest, topics, type BatchSpec, type SourceSpec } from '@everloop/contracts';
import type { Feed, FeedBatch, FeedHandler, OutRecord } from '@everloop/kafka';
import { createSourceEncoder, type EncodedRecord, type EncodeFields, type RegistryOf } from '@everloop/records';
import { errorText } from '@everloop/service';
import { createRowMapper, placeHeader, type RowMapper } from '../domain/row-record.ts';
import { errors } from '../errors.ts';
import type { Chunk, Clock, Connector, Item, Part } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

type Position = ingest.PartPosition;
type Row = Extract<Item, { readonly kind: 'row' }>;
type Unreadable = Extract<Item, { readonly kind: 'unreadable' }>;

export interface BatchFeedOptions {
  readonly source: string;
  readonly spec: SourceSpec;
  readonly batch: BatchSpec;
  readonly connect: () => Connector;
  readonly registryOf: RegistryOf;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Longest row as JSON, bytes: with its headers it must fit into what a broker accepts by default, 1 MiB. */
const valueBytesMax = 900_000;
/** How much is kept of a row that is longer. */
const cutBytes = 65_536;

const newestKey = 'newest';
const markedKey = 'marked';
const partKey = (name: string): string => `part/${name}`;
/** Hint of a part whose change was reported: it is reported again only if it changes again. */
const changedHint = (part: Part): string => `changed ${part.hint}`;

/** The rows of one batch source as a feed: each goes to the Source's topic once, with the position after it in the same transaction. */
export function createBatchFeed(options: BatchFeedOptions): Feed {
  return {
    everyMs: options.batch.everyMs,
    open: async (state) =>
      new BatchHandler(options, state, await createSourceEncoder(options.source, options.spec, options.registryOf)),
  };
}

interface Reading {
  readonly part: Part;
  readonly chunks: AsyncIterator<Chunk>;
  position: Position;
}

class BatchHandler implements FeedHandler {
  readonly #options: BatchFeedOptions;
  readonly #connector: Connector;
  readonly #toRecord: RowMapper;
  readonly #encode: EncodeFields;
  readonly #positions = new Map<string, Position>();
  /** Parts of this pass that were not looked at yet; null between two passes. */
  #left: Part[] | null = null;
  #reading: Reading | null = null;
  #newestMs: number;
  #markedMs: number;

  constructor(options: BatchFeedOptions, state: ReadonlyMap<string, string>, encode: EncodeFields) {
    this.#encode = encode;
    this.#options = options;
    this.#connector = options.connect();
    this.#toRecord = createRowMapper(options.spec, options.batch);
    for (const [key, text] of state) {
      if (key.startsWith(partKey('')))
        this.#positions.set(key.slice(partKey('').length), ingest.PartPosition.fromJSON(JSON.parse(text)));
    }
    this.#newestMs = Number(state.get(newestKey) ?? -Infinity);
    this.#markedMs = Number(state.get(markedKey) ?? -Infinity);
  }

  async close(): Promise<void> {
    await this.#reading?.chunks.return?.(undefined);
    await this.#connector.close();
  }

  async next(signal: AbortSignal): Promise<FeedBatch | null> {
    this.#left ??= [...(await this.#connector.list(signal))].reverse();
    for (;;) {
      const batch = this.#reading === null ? await this.#begin(signal) : await this.#goOn(this.#reading, signal);
      if (batch === 'again') continue;
      if (batch !== 'pass over') return batch;
      this.#left = null;
      this.#options.telemetry.passFinished(this.#options.source, this.#options.clock());
      return this.#markers();
    }
  }

  /** Looks at the next part; 'again' when there is nothing to do for it or its reading was begun. */
  async #begin(signal: AbortSignal): Promise<FeedBatch | 'again' | 'pass over'> {
    const part = this.#left?.pop();
    if (part === undefined) return 'pass over';
    const known = this.#positions.get(part.name);
    if (known?.done === true && (part.grows || known.hint === part.hint || known.hint === changedHint(part)))
      return 'again';
    const version = await this.#connector.version(part, signal);
    if (known !== undefined && known.version !== version) {
      return this.#putAside(part, known, 'part_changed', errors.partChanged(part.name).message);
    }
    // Written again with the same content.
    if (known?.done === true) return this.#store(part, { ...known, hint: part.hint }, []);
    const position = known ?? { version, cursor: '', rows: 0, unreadable: 0, done: false, hint: part.hint };
    const chunks = this.#connector.read(part, version, position.cursor, signal)[Symbol.asyncIterator]();
    this.#reading = { part, position, chunks };
    return 'again';
  }

  async #goOn(reading: Reading, signal: AbortSignal): Promise<FeedBatch | 'again'> {
    const { part } = reading;
    try {
      const step = await reading.chunks.next();
      if (step.done !== true) return this.#chunk(reading, step.value);
    } catch (error) {
      this.#reading = null;
      const code = (error as { readonly code?: unknown } | null)?.code;
      if (code === 'EVL_INGEST_PART_CHANGED')
        return this.#putAside(part, reading.position, 'part_changed', errorText(error));
      if (code === 'EVL_INGEST_PART_UNUSABLE')
        return this.#putAside(part, reading.position, 'part_unusable', errorText(error));
      throw error;
    }
    this.#reading = null;
    if (part.grows) return 'again';
    // What was read is only known to be one version if it still is that version now.
    if ((await this.#connector.version(part, signal)) !== reading.position.version)
      return this.#putAside(part, reading.position, 'part_changed', errors.partChanged(part.name).message);
    const { rows } = reading.position;
    this.#options.telemetry.partFinished(this.#options.source, part.name, rows);
    const event = this.#event('part_finished', part.name, { rows, detail: reading.position.version });
    return this.#store(part, { ...reading.position, done: true }, [event]);
  }

  #chunk(reading: Reading, { items, cursor }: Chunk): FeedBatch {
    const { source, telemetry, clock } = this.#options;
    const landedMs = clock();
    const records: OutRecord[] = [];
    let unreadable = 0;
    for (const item of items) {
      const found = item.kind === 'row' ? this.#record(item, landedMs) : item;
      if ('topic' in found) {
        records.push(found);
        continue;
      }
      unreadable += 1;
      const { place, why } = found;
      records.push(this.#poison(found), this.#event('row_unreadable', reading.part.name, { place, detail: why }));
    }
    const rows = items.length - unreadable;
    const { position } = reading;
    reading.position = {
      ...position,
      cursor,
      rows: position.rows + rows,
      unreadable: position.unreadable + unreadable,
    };
    telemetry.read(source, { rows, unreadable, newestMs: this.#newestMs, atMs: landedMs });
    return this.#store(reading.part, reading.position, records);
  }

  #record(item: Row, landedMs: number): OutRecord | Unreadable {
    const { place } = item;
    const { key, fields, headers, eventMs } = this.#toRecord(item.row, place, landedMs);
    let encoded: EncodedRecord;
    try {
      encoded = this.#encode(fields);
    } catch (error) {
      const why = `it does not fit the schema of the topic: ${errorText(error)}`;
      return { kind: 'unreadable', bytes: Buffer.from(JSON.stringify(fields)).subarray(0, cutBytes), why, place };
    }
    const bytes = encoded.value;
    if (bytes.length > valueBytesMax) {
      const why = `${bytes.length} bytes, at most ${valueBytesMax} are possible; only its beginning is kept`;
      return { kind: 'unreadable', bytes: bytes.subarray(0, cutBytes), why, place };
    }
    if (eventMs !== null && eventMs > this.#newestMs) this.#newestMs = eventMs;
    return { topic: this.#options.spec.topic, key, value: bytes, headers };
  }

  /** What cannot be read goes on as it is, so that the validator's quarantine has it with everything else. */
  #poison(item: Unreadable): OutRecord {
    return {
      topic: this.#options.spec.topic,
      key: item.place,
      value: item.bytes,
      headers: { [placeHeader]: item.place },
    };
  }

  #putAside(part: Part, position: Position, kind: string, detail: string): FeedBatch {
    this.#options.telemetry.putAside(this.#options.source, part.name, kind, detail);
    const aside = { ...position, done: true, hint: kind === 'part_changed' ? changedHint(part) : part.hint };
    return this.#store(part, aside, [this.#event(kind, part.name, { rows: position.rows, detail })]);
  }

  #store(part: Part, position: Position, records: readonly OutRecord[]): FeedBatch {
    this.#positions.set(part.name, position);
    const state = new Map([[partKey(part.name), JSON.stringify(ingest.PartPosition.toJSON(position))]]);
    if (Number.isFinite(this.#newestMs)) state.set(newestKey, String(this.#newestMs));
    return { records, state };
  }

  /** After a pass of a Source that has no other writer: the newest event time has passed. */
  #markers(): FeedBatch | null {
    const { batch, spec } = this.#options;
    if (!batch.markers || !(this.#newestMs > this.#markedMs)) return null;
    this.#markedMs = this.#newestMs;
    const watermarkMs = this.#newestMs;
    return {
      records: [],
      state: new Map([[markedKey, String(watermarkMs)]]),
      markers: [{ topic: spec.topic, watermarkMs }],
    };
  }

  #event(
    kind: string,
    part: string,
    more: { readonly place?: string; readonly rows?: number; readonly detail: string },
  ): OutRecord {
    const { source, clock } = this.#options;
    const { place = '', rows = 0, detail } = more;
    const atMs = clock();
    const id = eventId('ingest', source, part, kind, place, detail);
    const event = encodeEvent({
      id,
      type: topics.ingestEvent,
      source: 'everloop/ingest',
      subject: source,
      data: ingest.IngestEvent.toJSON({ id, source, kind, part, place, detail, rows, atMs }),
    });
    return { topic: topics.ingestEvent, partition: 0, key: source, ...event };
  }
}
