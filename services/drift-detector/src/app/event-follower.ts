import { drift, topics } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import { deferred, type Logger, type Part } from '@everloop/service';
import type { DriftGauges } from '../drift-gauges.ts';
import type { PlanGauges } from '../plan-gauges.ts';

export interface EventFollowerOptions {
  readonly bus: Bus;
  readonly gauges: DriftGauges;
  readonly plans: PlanGauges;
  readonly logger: Logger;
}

/** Shows what the detector's own topics say as metrics. A record that cannot be read is left out: metrics stop nothing. */
export function createEventFollower({ bus, gauges, plans, logger }: EventFollowerOptions): Part {
  const events = [topics.driftReport, topics.driftQuality, topics.driftDecision, topics.driftAlert];
  const failed = deferred<unknown>();
  let follower: Follower | null = null;
  let isLive = false;

  function take({ topic, partition, offset, key, value }: BusRecord): void {
    try {
      if (topic === topics.driftPlan) showPlan(key?.toString('utf8') ?? '', value);
      else if (value !== null) show(topic, JSON.parse(value.toString('utf8')));
    } catch (error) {
      logger.warn({ topic, partition, offset: String(offset), err: error }, 'not shown as a metric: it cannot be read');
    }
  }
  function showPlan(key: string, value: Buffer | null): void {
    plans.planned(key, value === null ? null : drift.AlarmPlan.fromJSON(JSON.parse(value.toString('utf8'))));
  }
  function showReport(report: drift.DriftReport): void {
    gauges.reported(report);
    plans.reported(report);
  }
  function show(topic: string, json: unknown): void {
    switch (topic) {
      case topics.driftReport:
        showReport(drift.DriftReport.fromJSON(json));
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
      await bus.ensureTopics([
        ...events.map((name) => ({ name, partitions: 1 })),
        { name: topics.driftPlan, partitions: 1, compacted: true },
      ]);
      follower = bus.follow({ topics: [...events, topics.driftPlan], from: 'beginning', onRecord: take });
      void follower.failed?.then(failed.resolve);
      await follower.start();
      isLive = true;
    },
    async stop() {
      await follower?.stop();
    },
  };
}
