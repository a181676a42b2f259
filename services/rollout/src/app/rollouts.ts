import { parseResource, registry, rollout, topics, type RolloutSpec } from '@everloop/contracts';
import type { Bus, Follower } from '@everloop/kafka';

/** The applied Rollout resources, kept current from the resources topic. */
export function createRolloutTable(bus: Bus): {
  readonly follower: Follower;
  of(model: string): RolloutSpec | undefined;
} {
  const byModel = new Map<string, RolloutSpec>();
  const follower = bus.follow({
    topics: [topics.resources],
    from: 'beginning',
    onRecord: (record) => {
      if (record.value === null) return;
      const wire = registry.Resource.fromJSON(JSON.parse(record.value.toString('utf8')));
      if (wire.kind !== 'Rollout') return;
      const resource = parseResource(wire);
      if (resource.kind === 'Rollout') byModel.set(resource.spec.model, resource.spec);
    },
  });
  return { follower, of: (model) => byModel.get(model) };
}

/** The newest route of each model, as the topic has it. */
export function createRouteBook(bus: Bus): {
  readonly follower: Follower;
  of(model: string): rollout.Route | undefined;
} {
  const byModel = new Map<string, rollout.Route>();
  const follower = bus.follow({
    topics: [topics.route],
    from: 'beginning',
    onRecord: (record) => {
      if (record.value === null) return;
      const route = rollout.Route.fromJSON(JSON.parse(record.value.toString('utf8')));
      byModel.set(route.model, route);
    },
  });
  return { follower, of: (model) => byModel.get(model) };
}
