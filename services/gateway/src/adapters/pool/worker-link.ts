import {
  exportMetrics,
  mergeMetrics,
  pause,
  retry,
  type Logger,
  type Part,
  type RenderMetrics,
} from '@everloop/service';
import type { PoolStage } from '../../domain/pool-watermarks.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** The channel of a worker process to its supervisor; `process` of a forked one fits. */
export interface Channel {
  send(message: FromWorker): void;
  onMessage(listener: (message: ToWorker) => void): void;
}

export interface WorkerLinkOptions {
  readonly channel: Channel;
  readonly logger: Logger;
  /** Writes a watermark of the whole pool; rejected: tried again until the worker stops. */
  readonly write: (stage: PoolStage, watermarkMs: number, records: number) => Promise<void>;
  /** Predictions answered here since the start. */
  readonly records: () => number;
}

export interface WorkerLink {
  /** Comes last: tells the supervisor that this worker answers. */
  readonly part: Part;
  reached(stage: PoolStage, watermarkMs: number): void;
  /** The metrics of all workers. */
  readonly metrics: RenderMetrics;
}

const aliveEveryMs = 5_000;
/** How long metrics of the others are waited for, milliseconds; then there are only this process's. */
const metricsMs = 2_000;

/** A worker's side of the pool. */
export function createWorkerLink({ channel, logger, write, records }: WorkerLinkOptions): WorkerLink {
  const stopped = new AbortController();
  const asked = new Map<number, (metrics: readonly (readonly object[])[]) => void>();
  let nextId = 1;
  let timer: NodeJS.Timeout | undefined;
  const alive = (): void => channel.send({ kind: 'alive', rssBytes: process.memoryUsage.rss(), records: records() });

  channel.onMessage((message) => {
    if (message.kind === 'write') void writeFor(message);
    else if (message.kind === 'giveMetrics')
      void exportMetrics().then((metrics) => channel.send({ kind: 'metrics', id: message.id, metrics }));
    else asked.get(message.id)?.(message.metrics);
  });

  async function writeFor({ stage, watermarkMs, records: answered }: ToWorker & { kind: 'write' }): Promise<void> {
    try {
      await retry(() => write(stage, watermarkMs, answered), {
        ...{ initialMs: 100, maxMs: 2_000, signal: stopped.signal, when: () => true },
        onRetry: (error) =>
          logger.error(
            { err: error, stage, watermarkMs },
            'the watermark of the pool could not be written; trying again',
          ),
      });
      channel.send({ kind: 'wrote', stage, watermarkMs });
    } catch (error) {
      // The supervisor gives it to another one when this process has ended.
      logger.debug({ err: error, stage, watermarkMs }, 'a watermark was not written before the stop');
    }
  }

  return {
    part: {
      name: 'pool',
      start: async () => {
        alive();
        timer = setInterval(alive, aliveEveryMs);
        channel.send({ kind: 'ready' });
      },
      stop: async () => {
        clearInterval(timer);
        stopped.abort();
      },
    },
    reached: (stage, watermarkMs) => channel.send({ kind: 'reached', stage, watermarkMs }),
    metrics: async () => {
      const id = nextId++;
      const all = new Promise<readonly (readonly object[])[]>((resolve) => asked.set(id, resolve));
      channel.send({ kind: 'askMetrics', id });
      const own = async () => [await exportMetrics()];
      const merged = await Promise.race([all, pause(metricsMs).then(own)]);
      asked.delete(id);
      return mergeMetrics(merged);
    },
  };
}
