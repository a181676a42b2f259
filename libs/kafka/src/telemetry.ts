import type { Metrics } from '@everloop/service';

/** The library's metrics; labels are group, publisher and task names, which are fixed by the program. */
export function createKafkaTelemetry(metrics: Metrics) {
  const read = metrics.counter('everloop_kafka_records_read_total', 'Records read, markers left out', ['group']);
  const written = metrics.counter('everloop_kafka_records_written_total', 'Records acknowledged', ['writer']);
  const transactions = metrics.counter('everloop_kafka_transactions_total', 'Transactions by outcome', [
    'group',
    'outcome',
  ]);
  const seconds = metrics.histogram(
    'everloop_kafka_transaction_seconds',
    'Time from the start of a transaction to its commit',
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5],
    ['group'],
  );
  const watermark = metrics.gauge('everloop_kafka_watermark_seconds', 'Smallest watermark held, event time', ['group']);
  const queue = metrics.gauge('everloop_kafka_publisher_queue_bytes', 'Bytes that wait to be written', ['writer']);
  const reachable = metrics.gauge('everloop_kafka_reachable', '1 while the broker can be reached');
  return {
    recordsRead: (group: string, count: number): void => read.inc({ group }, count),
    recordsWritten: (writer: string, count: number): void => written.inc({ writer }, count),
    committed: (group: string, durationMs: number): void => {
      transactions.inc({ group, outcome: 'committed' });
      seconds.observe({ group }, durationMs / 1_000);
    },
    failed: (group: string): void => transactions.inc({ group, outcome: 'failed' }),
    watermark: (group: string, watermarkMs: number): void => watermark.set({ group }, watermarkMs / 1_000),
    queuedBytes: (writer: string, bytes: number): void => queue.set({ writer }, bytes),
    reachable: (is: boolean): void => reachable.set(is ? 1 : 0),
  };
}

export type KafkaTelemetry = ReturnType<typeof createKafkaTelemetry>;
