import type { Logger, Metrics } from '@everloop/service';

/** Facts of the ingest service; each makes one log line, its metrics, or both. */
export interface Telemetry {
  /** A chunk was read and is about to be committed. `newestMs`: newest event time so far, -Infinity without one. */
  read(
    source: string,
    chunk: { readonly rows: number; readonly unreadable: number; readonly newestMs: number; readonly atMs: number },
  ): void;
  partFinished(source: string, part: string, rows: number): void;
  /** A file changed or cannot be read; nothing more is read from it. */
  putAside(source: string, part: string, kind: string, detail: string): void;
  /** Everything that is there was read. */
  passFinished(source: string, atMs: number): void;
  /** Rows wait for a transaction of somebody else to end: those after it could come before what it will commit. */
  heldBack(source: string, transactions: number): void;
  sourceStarted(source: string, kind: string): void;
  sourceEnded(source: string): void;
  sourceFailed(source: string, error: unknown): void;
}

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const rows = metrics.counter('everloop_ingest_rows_total', 'Rows brought to their topic', ['source', 'outcome']);
  const parts = metrics.counter('everloop_ingest_parts_total', 'Files that were finished or put aside', [
    'source',
    'outcome',
  ]);
  const success = metrics.gauge(
    'everloop_ingest_last_success_seconds',
    'When everything that is there had been read, wall clock',
    ['source'],
  );
  const lag = metrics.gauge('everloop_ingest_event_lag_seconds', 'Wall clock less the newest event time read', [
    'source',
  ]);
  const sources = metrics.gauge('everloop_ingest_sources', 'Sources with a batch part');
  const heldBack = metrics.counter(
    'everloop_ingest_held_back_total',
    'Looks at a table that had to wait for open transactions',
    ['source'],
  );
  return {
    read(source, chunk) {
      if (chunk.rows > 0) rows.inc({ source, outcome: 'read' }, chunk.rows);
      if (chunk.unreadable > 0) rows.inc({ source, outcome: 'unreadable' }, chunk.unreadable);
      if (Number.isFinite(chunk.newestMs)) lag.set({ source }, Math.max(0, chunk.atMs - chunk.newestMs) / 1_000);
    },
    partFinished(source, part, count) {
      parts.inc({ source, outcome: 'finished' });
      logger.info({ source, part, rows: count }, 'a file was read to its end');
    },
    putAside(source, part, kind, detail) {
      parts.inc({ source, outcome: kind });
      logger.error({ source, part, kind }, detail);
    },
    passFinished: (source, atMs) => success.set({ source }, atMs / 1_000),
    heldBack(source, transactions) {
      heldBack.inc({ source });
      logger.info({ source, transactions }, 'rows wait until transactions that began before them have ended');
    },
    sourceStarted(source, kind) {
      sources.inc();
      logger.info({ source, kind }, 'reading a batch source');
    },
    sourceEnded(source) {
      sources.dec();
      logger.info({ source }, 'a batch source is not read any more');
    },
    sourceFailed: (source, error) => logger.error({ source, err: error }, 'the Source cannot be read'),
  };
}
