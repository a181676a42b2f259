import { canonicalJson, registry, resourceKey } from '@everloop/contracts';
import { planApply, type PlannedResource, problemsAfter } from '../domain/resources.ts';
import { fromContract, refuse } from '../errors.ts';
import { type AppContext, requireRoom } from './context.ts';
import { resourceEvent } from './events.ts';

/** Most resources in one request: a folder has tens. */
const resourcesMax = 1_000;

/**
 * Applies resources all together or, when anything is wrong with any of them, not at all. An unchanged resource keeps its revision
 * and makes neither a ledger entry nor an event.
 */
export function applyResources(
  context: AppContext,
  request: registry.ApplyResourcesRequest,
): registry.ApplyResourcesResponse {
  const requested = request.resources;
  if (requested.length > resourcesMax) {
    throw refuse(
      'EVL_REGISTRY_REQUEST_INVALID',
      `${requested.length} resources in one request; at most ${resourcesMax}`,
    );
  }
  const planned = context.store.transaction((writer) => {
    const stored = writer.resources();
    const plan = planOrRefuse(stored, requested);
    const changed = plan.filter((item) => item.change !== 'unchanged');
    if (changed.length > 0) requireRoom(writer, context.outboxEventsMax);
    for (const { resource } of changed) {
      const body = canonicalJson(registry.Resource.toJSON(resource));
      writer.append({ type: 'resource.applied', subject: resourceKey(resource), body });
      writer.putResource(resource);
      writer.enqueue(resourceEvent(context.topics.resources, resource));
    }
    return plan;
  });
  context.outbox.wake();
  context.telemetry.resourcesApplied(planned.map((item) => ({ key: resourceKey(item.resource), change: item.change })));
  return {
    results: planned.map(({ resource: { kind, name, revision }, change }) => ({ kind, name, revision, change })),
  };
}

function planOrRefuse(
  stored: readonly registry.Resource[],
  requested: readonly registry.Resource[],
): PlannedResource[] {
  try {
    const plan = planApply(stored, requested);
    const problems = problemsAfter(stored, plan);
    if (problems.length > 0) throw refuse('EVL_RESOURCE_INVALID', problems.join('\n'));
    return plan;
  } catch (error) {
    throw fromContract(error);
  }
}
