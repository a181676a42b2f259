import { drift, topics } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import { deferred, type Logger, type Part } from '@everloop/service';
import type { DriftGauges } from '../drift-gauges.ts';

export interface EventFollowerOptions {
  readonly bus: Bus;
  readonly gauges: DriftGauges;
  readonly logger: Logger;
}

/** Shows what the detector's own topics say as metrics. A record that cannot be read is left out: metrics stop nothing. */
export function createEventFollower({ bus, gauges, logger }: EventFollowerOptions): Part {
  const followed = [topics.driftReport, topics.driftQuality, topics.driftDecision, topics.driftAlert];
  const failed = deferred<unknown>();
  let follower: Follower | null = null;
  let isLive = false;

  function take({ topic, partition, offset, value }: BusRecord): void {
    if (value === null) return;
    try {
      show(topic, JSON.parse(value.toString('utf8')));
    } catch (error) {
      logger.warn({ topic, partition, offset: String(offset), err: error }, 'not shown as a metric: it cannot be read');
    }
  }
  function show(topic: string, json: unknown): void {
    switch (topic) {
      case topics.driftReport:
        gauges.reported(drift.DriftReport.fromJSON(json));
        return;
      case topics.driftQuality:
        gauges.quality(drift.QualityReport.fromJSON(json));
        return;
      case topics.driftDecision:
        gauges.decided(drift.Decision.fromJSON(json), isLive);
        return;
      default:
        gauges.alerted(drift.DriftAlert.fromJSON(json));
    }
  }

  return {
    name: 'event-follower',
    failed: failed.promise,
    health: () => follower?.health?.() ?? { ok: true },
    async start() {
      await bus.ensureTopics(followed.map((name) => ({ name, partitions: 1 })));
      follower = bus.follow({ topics: followed, from: 'beginning', onRecord: take });
      void follower.failed?.then(failed.resolve);
      await follower.start();
      isLive = true;
    },
    async stop() {
      await follower?.stop();
    },
  };
}
