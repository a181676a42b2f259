import type { registry } from '@everloop/contracts';
import type { Logger, Metrics } from '@everloop/service';
import type { Change } from './domain/resources.ts';
import type { StageChange } from './domain/stages.ts';

/** What happens in the registry; each fact is one log line and its metrics. */
export interface Telemetry {
  resourcesApplied(results: readonly { readonly key: string; readonly change: Change }[]): void;
  versionRegistered(version: registry.ModelVersion): void;
  stageChanged(model: string, change: StageChange): void;
  eventsPublished(events: number, waiting: number): void;
  eventsWait(waiting: number, error: unknown): void;
  resourcesRepublished(keys: readonly string[]): void;
  ledgerVerified(verdict: { readonly entries: number; readonly problems: readonly string[] }): void;
}

/** Binds the facts to the log and the metrics. */
export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const resources = metrics.counter('everloop_registry_resources_total', 'Applied resources by what came of them.', [
    'change',
  ]);
  const stages = metrics.counter('everloop_registry_stage_changes_total', 'Versions that moved, by the new stage.', [
    'stage',
  ]);
  const published = metrics.counter('everloop_registry_events_published_total', 'Events acknowledged by Kafka.');
  const waiting = metrics.gauge('everloop_registry_outbox_events', 'Events that wait for Kafka.');
  const intact = metrics.gauge(
    'everloop_registry_ledger_intact',
    '1 when the last walk over the ledger found it intact, else 0.',
  );
  return {
    resourcesApplied(results) {
      for (const { change } of results) resources.inc({ change });
      const changed = results.filter((result) => result.change !== 'unchanged').map((result) => result.key);
      logger.info({ changed, unchanged: results.length - changed.length }, 'resources applied');
    },
    versionRegistered({ model, version, jobId, stage }) {
      stages.inc({ stage });
      logger.info({ model, version, jobId, stage }, 'version registered');
    },
    stageChanged(model, { version, from, to, reason }) {
      stages.inc({ stage: to });
      logger.info({ model, version, from, to, reason }, 'stage changed');
    },
    eventsPublished(events, left) {
      published.inc(events);
      waiting.set(left);
      logger.debug({ events, waiting: left }, 'events published');
    },
    eventsWait(left, error) {
      waiting.set(left);
      logger.warn({ err: error, waiting: left }, 'events wait for Kafka');
    },
    resourcesRepublished(keys) {
      logger.warn({ resources: keys }, 'the topic did not have these resources; they are published again');
    },
    ledgerVerified({ entries, problems }) {
      intact.set(problems.length === 0 ? 1 : 0);
      if (problems.length === 0) logger.info({ entries }, 'the ledger is intact');
      else
        logger.error(
          { entries, problems: problems.slice(0, 20) },
          'the ledger is NOT intact: it was changed from outside',
        );
    },
  };
}
