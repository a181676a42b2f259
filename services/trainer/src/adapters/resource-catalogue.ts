import {
  featurePins,
  ofKind,
  parseResource,
  registry,
  resourceKey,
  topics,
  type TypedResource,
} from '@everloop/contracts';
import type { Bus, Follower } from '@everloop/kafka';
import type { Logger } from '@everloop/service';
import { neededSources } from '../domain/holds.ts';
import type { Catalogue } from '../ports.ts';

function definitionsAmong(resources: readonly TypedResource[]): Parameters<typeof featurePins>[1] {
  return {
    views: new Map(ofKind(resources, 'FeatureView').map(({ name, spec }) => [name, spec])),
    sources: new Map(ofKind(resources, 'Source').map(({ name, spec }) => [name, spec])),
    services: new Map(ofKind(resources, 'FeatureService').map(({ name, spec }) => [name, spec])),
  };
}

/** As the drift detector counts: the first Monitor by name that names a unit decides. */
function unitOf(resources: readonly TypedResource[], model: string): string | undefined {
  return ofKind(resources, 'Monitor')
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .find(({ spec }) => spec.model === model && spec.unit !== undefined)?.spec.unit;
}

/** The applied Models, Triggers and what they need, kept current from the resources topic. */
export function createResourceCatalogue(
  bus: Pick<Bus, 'follow'>,
  logger: Logger,
): { readonly follower: Follower; readonly catalogue: Catalogue } {
  const resources = new Map<string, TypedResource>();
  const follower = bus.follow({
    topics: [topics.resources],
    from: 'beginning',
    onRecord: (record) => {
      const key = record.key?.toString('utf8') ?? '';
      if (record.value === null) {
        resources.delete(key);
        return;
      }
      try {
        const resource = parseResource(registry.Resource.fromJSON(JSON.parse(record.value.toString('utf8'))));
        resources.set(resourceKey(resource), resource);
      } catch (error) {
        // The registry refuses wrong resources; one from a newer version of Everloop must not stop this one.
        logger.error({ key, err: error }, 'a resource could not be read and is passed over');
      }
    },
  });
  const catalogue: Catalogue = {
    model: (name) => {
      const resource = resources.get(resourceKey({ kind: 'Model', name }));
      if (resource?.kind !== 'Model') return undefined;
      const { revision, spec } = resource;
      const all = [...resources.values()];
      const unit = unitOf(all, name);
      const pins = featurePins(spec, definitionsAmong(all));
      return { name, revision, spec, pins, ...(unit === undefined ? {} : { unit }) };
    },
    judgedSources: (spec) => {
      const viewOf = (name: string) => {
        const view = resources.get(resourceKey({ kind: 'FeatureView', name }));
        return view?.kind === 'FeatureView' ? view.spec : undefined;
      };
      return neededSources(spec, viewOf).filter(({ source }) => {
        const found = resources.get(resourceKey({ kind: 'Source', name: source }));
        return found?.kind === 'Source' && (found.spec.windows ?? []).length > 0;
      });
    },
    triggers: () =>
      [...resources.values()]
        .flatMap((resource) => (resource.kind === 'Trigger' ? [{ name: resource.name, spec: resource.spec }] : []))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
  return { follower, catalogue };
}
