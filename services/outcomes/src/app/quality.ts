import { outcomes, topics } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import { deferred, type Health, type Part } from '@everloop/service';
import { addStats, createRolling, moveTo, rollingQuality } from '../domain/rolling.ts';
import type { QualityGauges } from '../quality-gauges.ts';

export interface QualityOptions {
  readonly bus: Bus;
  readonly gauges: QualityGauges;
  readonly windowMs: number;
}

/**
 * Follows the outcome statistics from their beginning and shows the quality of every version over the newest days. All partitions of all
 * replicas are in that topic, so each replica shows the same. Nothing is kept but what the topic holds: a restart reads it again.
 */
export function createQualityFollower({ bus, gauges, windowMs }: QualityOptions): Part {
  const state = createRolling(windowMs);
  const failed = deferred<unknown>();
  let follower: Follower | null = null;
  let isCaughtUp = false;
  return {
    name: 'quality',
    failed: failed.promise,
    health: (): Health => follower?.health?.() ?? { ok: true },
    async start() {
      await bus.ensureTopics([{ name: topics.outcomeStats, partitions: 1 }]);
      follower = bus.follow({
        topics: [topics.outcomeStats],
        from: 'beginning',
        onRecord: ({ value }: BusRecord) => {
          if (value !== null) addStats(state, outcomes.OutcomeStats.fromJSON(JSON.parse(value.toString('utf8'))));
        },
        onWatermark: (_, watermarkMs) => {
          const gone = moveTo(state, watermarkMs);
          // What was is of no interest.
          if (isCaughtUp) gauges.show(rollingQuality(state), gone);
        },
      });
      void follower.failed?.then(failed.resolve);
      await follower.start();
      isCaughtUp = true;
      gauges.show(rollingQuality(state), []);
    },
    stop: async () => follower?.stop(),
  };
}
