import { canonicalJson, registry, resourceKey } from '@everloop/contracts';
import {
  compatibilityAfter,
  pinsBrokenAfter,
  planApply,
  type PlannedResource,
  problemsAfter,
} from '../domain/resources.ts';
import { fromContract, refuse } from '../errors.ts';
import { type AppContext, requireRoom } from './context.ts';
import { resourceEvent } from './events.ts';

/** Most resources in one request: a folder has tens. */
const resourcesMax = 1_000;

/** What is applied, and how. */
export type ApplyRequest = Pick<registry.ApplyResourcesRequest, 'resources'> &
  Partial<Pick<registry.ApplyResourcesRequest, 'force' | 'dryRun'>>;

interface Plan {
  readonly items: readonly PlannedResource[];
  /** Incompatible changes that are let pass, by `<kind>/<name>`. */
  readonly overridden: readonly string[];
}

/**
 * Applies resources all together or, when anything is wrong with any of them, not at all. An unchanged resource keeps its revision
 * and makes neither a ledger entry nor an event. A changed Source is compared with the applied one: what breaks its readers is refused
 * (EVL_RESOURCE_INCOMPATIBLE), unless force or `compatibility: none` let it pass, which the ledger then says. A
 * version of a FeatureService never changes (EVL_RESOURCE_IMMUTABLE), nor does a feature that one pins (EVL_RESOURCE_PINNED).
 */
export function applyResources(context: AppContext, request: ApplyRequest): registry.ApplyResourcesResponse {
  const { resources: requested, force = false, dryRun = false } = request;
  if (requested.length > resourcesMax) {
    throw refuse(
      'EVL_REGISTRY_REQUEST_INVALID',
      `${requested.length} resources in one request; at most ${resourcesMax}`,
    );
  }
  const planned = dryRun
    ? planOrRefuse(context.store.resources(), requested, force)
    : context.store.transaction((writer) => {
        const plan = planOrRefuse(writer.resources(), requested, force);
        const changed = plan.items.filter((item) => item.change !== 'unchanged');
        if (changed.length > 0) requireRoom(writer, context.outboxEventsMax);
        for (const { resource } of changed) {
          writer.append({ type: 'resource.applied', subject: resourceKey(resource), body: ledgerBody(resource, plan) });
          writer.putResource(resource);
          writer.enqueue(resourceEvent(context.topics.resources, resource));
        }
        return plan;
      });
  if (!dryRun) {
    context.outbox.wake();
    const told = planned.items.map((item) => ({ key: resourceKey(item.resource), change: item.change }));
    context.telemetry.resourcesApplied(told);
  }
  return {
    results: planned.items.map(({ resource: { kind, name, revision }, change }) => ({ kind, name, revision, change })),
    overridden: [...planned.overridden],
  };
}

/** The resource, and what was let pass for it. */
function ledgerBody(resource: registry.Resource, { overridden }: Plan): string {
  const prefix = `${resourceKey(resource)}: `;
  const own = overridden.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
  const body = registry.Resource.toJSON(resource) as Record<string, unknown>;
  return canonicalJson(own.length === 0 ? body : { ...body, overridden: own });
}

function planOrRefuse(
  stored: readonly registry.Resource[],
  requested: readonly registry.Resource[],
  force: boolean,
): Plan {
  try {
    const items = planApply(stored, requested);
    const problems = problemsAfter(stored, items);
    if (problems.length > 0) throw refuse('EVL_RESOURCE_INVALID', problems.join('\n'));
    const pinsBroken = pinsBrokenAfter(stored, items);
    if (pinsBroken.length > 0) throw refuse('EVL_RESOURCE_PINNED', pinRefusal(pinsBroken));
    const { broken, violations, waived } = compatibilityAfter(stored, items);
    const refused = force ? broken : [...broken, ...violations];
    if (refused.length > 0) throw refuse('EVL_RESOURCE_INCOMPATIBLE', refusal(refused, broken.length));
    return { items, overridden: [...violations, ...waived] };
  } catch (error) {
    throw fromContract(error);
  }
}

function pinRefusal(lines: readonly string[]): string {
  return [
    ...lines,
    'pinned features never change: put the changed feature beside it under another name, or into a new view; name it in a new version ' +
      'of the FeatureService; let the Model pin that version, and train it',
  ].join('\n');
}

function refusal(lines: readonly string[], brokenCount: number): string {
  const hint =
    lines.length > brokenCount
      ? ['to let it pass all the same: compatibility: none in the new revision, or everloop apply --force']
      : [];
  return [...lines, ...hint].join('\n');
}
