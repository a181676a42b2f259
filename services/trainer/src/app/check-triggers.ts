import { labelledRowsMetric } from '../domain/champion.ts';
import { jobIdOf, triggerRequestId } from '../domain/job-ids.ts';
import type { TrainingRequest } from '../domain/requests.ts';
import { daysCrossed, rowsNeeded } from '../domain/triggers.ts';
import type { VersionLedger } from '../ports.ts';
import { cleanDataOf, type HeldDataDependencies } from './held-data.ts';

export interface TriggerDependencies extends HeldDataDependencies {
  readonly ledger: VersionLedger;
}

/**
 * Requests of the Triggers for the starts of days between two watermarks. A Trigger asks at most once per call: what its training gives
 * decides whether it asks again.
 */
export async function checkTriggers(
  deps: TriggerDependencies,
  fromMs: number | null,
  untilMs: number,
): Promise<readonly TrainingRequest[]> {
  const { catalogue, ledger } = deps;
  const days = daysCrossed(fromMs, untilMs);
  const requests: TrainingRequest[] = [];
  for (const { name, spec } of days.length === 0 ? [] : catalogue.triggers()) {
    const model = catalogue.model(spec.model);
    if (model === undefined) continue;
    const versions = (await ledger.versions(spec.model)).map(({ stage, jobId, metrics }) => ({
      ...{ stage, jobId, labelledRows: metrics[labelledRowsMetric] ?? 0 },
    }));
    for (const day of days) {
      const id = triggerRequestId(name, day);
      const needed = rowsNeeded(spec, versions, jobIdOf(id));
      if (needed === null) break;
      const clean = await cleanDataOf(deps, model, day);
      if ('problem' in clean || clean.cleanRows < needed) continue;
      const rows = clean.cleanRows;
      const reason = `Trigger ${name}: ${rows} labelled rows, ${needed} were waited for`;
      requests.push({ id, model: spec.model, trigger: 'rows', reason, eventTimeMs: day });
      break;
    }
  }
  return requests;
}
