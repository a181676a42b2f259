import { topics } from '@everloop/contracts';
import type { OutRecord, Publisher } from '@everloop/kafka';
import { classify, retry } from '@everloop/service';
import { InFlight } from '../domain/in-flight.ts';
import type { InferenceLog, LogStream } from '../ports.ts';

export interface KafkaInferenceLogOptions {
  readonly publisher: Pick<Publisher, 'publish' | 'publishWatermark'>;
  /** How long a record waits for company, milliseconds; no answer waits for it. */
  readonly lingerMs: number;
  /** Wall clock, epoch milliseconds: a record carries when its answer was made, however much later Kafka takes it. */
  readonly now: () => number;
  readonly onRetry: (error: unknown, records: number) => void;
  /** Kafka refused records for good, for example because one is too large for the topic. */
  readonly onRefused: (error: unknown, records: number) => void;
}

const topicOf: Readonly<Record<LogStream, string>> = {
  served: topics.inferenceServed,
  shadowed: topics.inferenceShadowed,
};

/** What waits is sent at once when it reaches this size: one request to Kafka for each partition stays well under its limit. */
const sendBytes = 262_144;
/** Headers and framing of one record, about; counted with its bytes. */
const overheadBytes = 64;

function isStopped(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EVL_KAFKA_STOPPED';
}

/**
 * The log of predictions in Kafka. Records are gathered for a moment, since a request to Kafka costs
 * more than a record; a publication that could
 * not be queued is tried again for as long as the process lives. A failed publication wrote nothing unless Kafka refused it for good.
 */
export function createKafkaInferenceLog({
  publisher,
  lingerMs,
  now,
  onRetry,
  onRefused,
}: KafkaInferenceLogOptions): InferenceLog {
  const inFlight = new InFlight();
  let pending: OutRecord[] = [];
  let pendingBytes = 0;
  let queuedBytes = 0;

  let timer: NodeJS.Timeout | undefined;

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    if (pending.length === 0) return;
    const records = pending;
    const bytes = pendingBytes;
    pending = [];
    pendingBytes = 0;
    const ticket = inFlight.begin();
    void retry(() => publisher.publish(records), {
      initialMs: 100,
      maxMs: 5_000,
      when: (error) => classify(error) === 'retryable' && !isStopped(error),
      onRetry: (error) => onRetry(error, records.length),
    })
      .catch((error: unknown) => onRefused(error, records.length))
      .finally(() => {
        queuedBytes -= bytes;
        inFlight.end(ticket);
      });
  }

  return {
    get queuedBytes() {
      return queuedBytes;
    },
    append(stream, { joinKey, value }) {
      pending.push({ topic: topicOf[stream], key: joinKey, value, timestampMs: now() });
      const bytes = value.length + joinKey.length + overheadBytes;
      pendingBytes += bytes;
      queuedBytes += bytes;
      if (pendingBytes >= sendBytes) send();
      else timer ??= setTimeout(send, lingerMs);
    },
    async flush() {
      send();
      await inFlight.settled();
    },
    async advance(watermarkMs) {
      await this.flush();
      await Promise.all(Object.values(topicOf).map((topic) => publisher.publishWatermark(topic, watermarkMs)));
    },
  };
}
