import { deferred, pause, type Deferred, type Health, type Logger } from '@everloop/service';
import type { Producer } from 'kafkajs';
import type { OutRecord, Publisher, PublisherOptions, RecordPosition } from './bus.ts';
import type { KafkaAdmin } from './admin.ts';
import { chunkLength, recordBytes } from './chunks.ts';
import { hasProtocolType, isTooLarge, kafkaError, rootText, tooLarge } from './errors.ts';
import type { KafkaClient } from './kafkajs-client.ts';
import { markerRecord } from './markers.ts';
import { partitionOfKey } from './partitioner.ts';
import type { Reachability } from './reachability.ts';
import type { KafkaTelemetry } from './telemetry.ts';
import { incompleteWrite, toMessage, type PlacedRecord } from './transactional-producer.ts';

const queueBytesDefault = 64 * 1024 * 1024;
/** How long a record waits for company when nothing is being written to its partition, milliseconds. */
const lingerMs = 2;
/** How long `stop` waits for what is queued, milliseconds. */
const flushMsMax = 10_000;

export interface PublisherDependencies {
  readonly client: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly reachability: Reachability;
  readonly logger: Logger;
  readonly telemetry: KafkaTelemetry;
}

interface Ticket {
  left: number;
  readonly positions: RecordPosition[];
  readonly done: Deferred<void>;
}

interface Waiting {
  readonly record: PlacedRecord;
  readonly bytes: number;
  readonly ticket: Ticket;
  /** Number of the record in its `publish`. */
  readonly index: number;
}

/** The queue of one partition; at most one write to it is under way, so order is kept. */
interface Lane {
  waiting: Waiting[];
  busy: boolean;
}

/** See `Publisher`. A record that the broker refuses for good rejects its own `publish` only; the others are written. */
export class KafkaPublisher implements Publisher {
  readonly name: string;
  readonly #deps: PublisherDependencies;
  readonly #writer: string;
  readonly #queueBytesMax: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #roundRobin = new Map<string, number>();
  readonly #stopping = new AbortController();
  #queuedBytes = 0;
  #producer: Promise<Producer> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #urgent: NodeJS.Immediate | null = null;
  /** Set while partition counts are looked up; later calls queue behind it to keep their order. */
  #intake: Promise<void> | null = null;
  #idle: Deferred<void> | null = null;
  #trouble: string | null = null;
  #stopped = false;

  constructor(deps: PublisherDependencies, options: PublisherOptions) {
    this.#deps = deps;
    this.#writer = options.name;
    this.name = `publisher ${options.name}`;
    this.#queueBytesMax = options.queueBytesMax ?? queueBytesDefault;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  async start(): Promise<void> {
    // Connects ahead of the first record; a failure shows, and is repeated, when there is something to write.
    if (!this.#stopped) await this.#connected().catch((error: unknown) => this.#failed(error));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#queuedBytes > 0) {
      this.#idle = deferred();
      this.#flush();
      await Promise.race([this.#idle.promise, pause(flushMsMax, this.#stopping.signal).catch(() => undefined)]);
    }
    this.#stopping.abort(kafkaError('stopped', `${this.name} was stopped with ${this.#queuedBytes} bytes unwritten`));
    for (const lane of this.#lanes.values()) this.#settle(lane.waiting.splice(0), this.#stopping.signal.reason);
    const producer = this.#producer;
    this.#producer = null;
    await producer?.then(async (p) => await p.disconnect()).catch(() => undefined);
  }

  health(): Health {
    return this.#trouble === null ? { ok: true } : { ok: false, reason: `${this.name}: ${this.#trouble}` };
  }

  async publish(records: readonly OutRecord[]): Promise<void> {
    await this.#publish(records, false);
  }

  publishPlaced(records: readonly OutRecord[]): Promise<readonly RecordPosition[]> {
    return this.#publish(records, false);
  }

  async publishWatermark(topic: string, watermarkMs: number): Promise<void> {
    const known = this.#deps.admin.knownPartitionCount(topic);
    const partitions = known ?? (await this.#deps.admin.partitionCount(topic));
    const marker = { watermarkMs, writer: this.#writer, writers: 1 };
    await this.#publish(
      Array.from({ length: partitions }, (_, p) => markerRecord(topic, p, marker)),
      true,
    );
  }

  async #publish(records: readonly OutRecord[], urgent: boolean): Promise<readonly RecordPosition[]> {
    if (this.#stopped) throw kafkaError('stopped', `${this.name} is stopped`);
    if (records.length === 0) return [];
    const sizes = records.map(recordBytes);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#queuedBytes + bytes > this.#queueBytesMax) {
      throw kafkaError(
        'queueFull',
        `${this.name} holds ${this.#queuedBytes} of ${this.#queueBytesMax} bytes, ${bytes} more do not fit; publish more slowly`,
      );
    }
    this.#queued(bytes);
    const ticket: Ticket = { left: records.length, positions: [], done: deferred() };
    const topics = new Set(records.map((r) => r.topic));
    const enqueue = (): void => this.#enqueue(records, sizes, ticket, urgent);
    if (
      this.#intake === null &&
      [...topics].every((topic) => this.#deps.admin.knownPartitionCount(topic) !== undefined)
    ) {
      enqueue();
    } else {
      const mine = (this.#intake ?? Promise.resolve()).then(async () => {
        try {
          for (const topic of topics) await this.#deps.admin.partitionCount(topic);
          enqueue();
        } catch (error) {
          this.#queued(-bytes);
          ticket.done.reject(error);
        }
      });
      this.#intake = mine;
      void mine.then(() => {
        if (this.#intake === mine) this.#intake = null;
      });
    }
    await ticket.done.promise;
    return ticket.positions;
  }

  #enqueue(records: readonly OutRecord[], sizes: readonly number[], ticket: Ticket, urgent: boolean): void {
    records.forEach((record, i) => {
      const partition = this.#place(record);
      const key = `${record.topic}/${partition}`;
      let lane = this.#lanes.get(key);
      if (lane === undefined) this.#lanes.set(key, (lane = { waiting: [], busy: false }));
      lane.waiting.push({ record: { ...record, partition }, bytes: sizes[i] ?? 0, ticket, index: i });
    });
    // At the end of this turn: what is published together, to whatever topics, is written together.
    if (urgent) this.#urgent ??= setImmediate(() => this.#flush());
    else this.#timer ??= setTimeout(() => this.#flush(), lingerMs);
  }

  #place(record: OutRecord): number {
    const count = this.#deps.admin.knownPartitionCount(record.topic) ?? 1;
    if (record.partition !== undefined) return record.partition;
    if (record.key !== null) return partitionOfKey(record.key, count);
    const next = ((this.#roundRobin.get(record.topic) ?? -1) + 1) % count;
    this.#roundRobin.set(record.topic, next);
    return next;
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#urgent !== null) clearImmediate(this.#urgent);
    this.#urgent = null;
    for (const lane of this.#lanes.values()) if (!lane.busy && lane.waiting.length > 0) void this.#drain(lane);
  }

  /** Writes what waits in a lane, also what comes while it writes: under load batches grow by themselves. */
  async #drain(lane: Lane): Promise<void> {
    lane.busy = true;
    while (lane.waiting.length > 0) {
      const count = chunkLength(lane.waiting.map((w) => w.bytes));
      await this.#write(lane.waiting.splice(0, count));
    }
    lane.busy = false;
  }

  async #write(chunk: readonly Waiting[]): Promise<void> {
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      try {
        const base = await this.#send(chunk);
        chunk.forEach(({ record: { partition }, ticket, index }, i) => {
          ticket.positions[index] = { partition, offset: base < 0n ? -1n : base + BigInt(i) };
        });
        this.#deps.reachability.succeeded();
        this.#deps.telemetry.recordsWritten(this.#writer, chunk.length);
        this.#trouble = null;
        this.#settle(chunk, null);
        return;
      } catch (error) {
        const stopped = this.#stopping.signal.aborted;
        if (stopped || (isRefused(error) && chunk.length === 1)) {
          this.#settle(chunk, stopped ? this.#stopping.signal.reason : refusal(chunk, error));
          return;
        }
        if (isRefused(error)) {
          for (const one of chunk) await this.#write([one]);
          return;
        }
        this.#failed(error);
        await pause(pauseMs, this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  /** Resolves with the offset of the first record. */
  async #send(chunk: readonly Waiting[]): Promise<bigint> {
    const first = chunk[0]?.record;
    if (first === undefined) return -1n;
    const producer = await this.#connected();
    const answer = await producer.send({
      topic: first.topic,
      acks: -1,
      messages: chunk.map((w) => toMessage(w.record)),
    });
    if (answer.length !== 1) throw incompleteWrite(first.topic, first.partition);
    return BigInt(answer[0]?.baseOffset ?? '-1');
  }

  #failed(error: unknown): void {
    this.#trouble = rootText(error);
    if (this.#deps.reachability.failed(error)) return;
    this.#deps.logger.warn(
      { publisher: this.#writer, reason: rootText(error) },
      'records could not be written; trying again',
    );
    if (!hasProtocolType(error, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'))
      return;
    // The broker has forgotten this producer's sequence; only a new one can go on.
    const forgotten = this.#producer;
    this.#producer = null;
    void forgotten?.then(async (p) => await p.disconnect()).catch(() => undefined);
  }

  #connected(): Promise<Producer> {
    if (this.#producer !== null) return this.#producer;
    const connecting = (async () => {
      const producer = this.#deps.client.kafka.producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: () => () => 0,
      });
      await producer.connect();
      return producer;
    })();
    this.#producer = connecting;
    connecting.catch(() => {
      if (this.#producer === connecting) this.#producer = null;
    });
    return connecting;
  }

  #settle(chunk: readonly Waiting[], error: unknown): void {
    for (const { bytes, ticket } of chunk) {
      this.#queued(-bytes);
      ticket.left -= 1;
      if (error !== null) ticket.done.reject(error);
      else if (ticket.left === 0) ticket.done.resolve();
    }
  }

  #queued(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#deps.telemetry.queuedBytes(this.#writer, this.#queuedBytes);
    if (this.#queuedBytes === 0) this.#idle?.resolve();
  }
}

function isRefused(error: unknown): boolean {
  return (
    isTooLarge(error) || hasProtocolType(error, 'INVALID_RECORD', 'POLICY_VIOLATION', 'TOPIC_AUTHORIZATION_FAILED')
  );
}

function refusal(chunk: readonly Waiting[], error: unknown): Error {
  const [first] = chunk;
  if (first === undefined) return kafkaError('topicInvalid', rootText(error), error);
  const { record, bytes } = first;
  if (isTooLarge(error)) return tooLarge(record, [bytes], error);
  const where = `topic '${record.topic}', partition ${record.partition}`;
  return kafkaError('topicInvalid', `${where} refuses records: ${rootText(error)}`, error);
}
