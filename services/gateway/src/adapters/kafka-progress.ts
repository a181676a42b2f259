import { hostname } from 'node:os';
import { progress, topics } from '@everloop/contracts';
import type { Publisher } from '@everloop/kafka';
import type { ReportProgress } from '../ports.ts';

/** Reports how far the gateway's stages have come on the progress topic. `records` counts since the start; of the whole pool, where its supervisor says them. */
export function createKafkaProgress(options: {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly records: () => number;
  readonly nowMs: () => number;
}): (...told: [...Parameters<ReportProgress>, records?: number]) => Promise<void> {
  const instance = `${hostname()}/${process.pid}`;
  return (stage, watermarkMs, records = options.records()) => {
    const report = progress.Progress.fromPartial({
      service: 'gateway',
      stage,
      instance,
      watermarkMs,
      records,
      reportedAtMs: options.nowMs(),
    });
    const value = JSON.stringify(progress.Progress.toJSON(report));
    return options.publisher.publish([{ topic: topics.progress, partition: 0, key: `gateway/${stage}`, value }]);
  };
}
