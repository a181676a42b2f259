import { labelledRowsMetric } from '../domain/champion.ts';
import { jobIdOf, triggerRequestId } from '../domain/job-ids.ts';
import type { TrainingRequest } from '../domain/requests.ts';
import { daysCrossed, rowsNeeded } from '../domain/triggers.ts';
import type { Catalogue, TrainingData, VersionLedger } from '../ports.ts';

export interface TriggerDependencies {
  readonly catalogue: Catalogue;
  readonly data: TrainingData;
  readonly ledger: VersionLedger;
}

/**
 * Requests of the Triggers for the starts of days between two watermarks. A Trigger asks at most once per call: what its training gives
 * decides whether it asks again.
 */
export async function checkTriggers(
  { catalogue, data, ledger }: TriggerDependencies,
  fromMs: number | null,
  untilMs: number,
): Promise<readonly TrainingRequest[]> {
  const days = daysCrossed(fromMs, untilMs);
  const requests: TrainingRequest[] = [];
  for (const { name, spec } of days.length === 0 ? [] : catalogue.triggers()) {
    if (catalogue.model(spec.model) === undefined) continue;
    const versions = (await ledger.versions(spec.model)).map(({ stage, jobId, metrics }) => ({
      ...{ stage, jobId, labelledRows: metrics[labelledRowsMetric] ?? 0 },
    }));
    for (const day of days) {
      const id = triggerRequestId(name, day);
      const needed = rowsNeeded(spec, versions, jobIdOf(id));
      if (needed === null) break;
      const rows = await data.countLabels(spec.model, day);
      if (rows < needed) continue;
      const reason = `Trigger ${name}: ${rows} labelled rows, ${needed} were waited for`;
      requests.push({ id, model: spec.model, trigger: 'rows', reason, eventTimeMs: day });
      break;
    }
  }
  return requests;
}
