import type { AggregateFeature, FeatureViewSpec, TypedResource } from '@everloop/contracts';

import { tripResources } from './fixtures.ts';

const windows = [35, 120];

const functions = windows.flatMap((windowMs): AggregateFeature[] => [
  { name: `arrivals_${windowMs}`, function: 'count', windowMs },
  { name: `vehicles_${windowMs}`, function: 'count', column: 'vehicle', windowMs },
  { name: `delays_${windowMs}`, function: 'count', column: 'delay', windowMs },
  { name: `total_${windowMs}`, function: 'sum', column: 'delay', windowMs },
  { name: `mean_${windowMs}`, function: 'mean', column: 'delay', windowMs },
  { name: `least_${windowMs}`, function: 'min', column: 'delay', windowMs },
  { name: `most_${windowMs}`, function: 'max', column: 'delay', windowMs },
  { name: `spread_${windowMs}`, function: 'std', column: 'delay', windowMs },
  { name: `last_${windowMs}`, function: 'last', column: 'delay', windowMs },
  { name: `last_vehicle_${windowMs}`, function: 'last', column: 'vehicle', windowMs },
  { name: `last_delays_${windowMs}`, function: 'lastK', column: 'delay', k: 3, windowMs },
  { name: `last_vehicles_${windowMs}`, function: 'lastK', column: 'vehicle', k: 2, windowMs },
  { name: `vehicles_seen_${windowMs}`, function: 'approxDistinct', column: 'vehicle', windowMs },
  { name: `delays_seen_${windowMs}`, function: 'approxDistinct', column: 'delay', windowMs },
  { name: `trips_seen_${windowMs}`, function: 'approxDistinct', column: 'trip', windowMs },
  { name: `median_${windowMs}`, function: 'quantile', column: 'delay', quantile: 0.5, windowMs },
  { name: `worst_${windowMs}`, function: 'quantile', column: 'delay', quantile: 0.95, windowMs },
  { name: `earliest_${windowMs}`, function: 'min', column: 'at', windowMs },
  { name: `when_${windowMs}`, function: 'sum', column: 'at', windowMs },
]);

function view(part: Partial<FeatureViewSpec> & Pick<FeatureViewSpec, 'entity'>): FeatureViewSpec {
  const rest = { source: 'arrived', hopMs: 10, ttlMs: 150, readBehindMs: 100, description: 'test', owner: 'test' };
  return { columns: [], aggregations: [], ...rest, ...part };
}

/** The world of trips with views of every function, of a composite key and of keys of several partitions, and a model `everything` over them. */
export function everyFunctionResources(prefix: string): TypedResource[] {
  const base = tripResources(prefix);
  const late = base.find((resource) => resource.kind === 'Model');
  if (late?.kind !== 'Model') throw new Error('the trips have no model');
  const views = {
    route: view({ entity: ['origin', 'vehicle'], aggregations: functions }),
    place: view({ entity: 'origin', hopMs: 7, aggregations: functions }),
    visit: view({ entity: ['vehicle', 'trip'], columns: ['delay', 'origin'] }),
    newest: view({ entity: 'vehicle', columns: ['delay', 'trip'] }),
  };
  const keys = {
    plan: 'request.trip',
    route: ['request.origin', 'plan.vehicle'],
    place: 'request.origin',
    visit: ['plan.vehicle', 'request.trip'],
    newest: 'plan.vehicle',
  };
  const inputs = ['route', 'place'].flatMap((name) =>
    functions.map((feature) => {
      const isText = feature.function === 'lastK' || feature.name.startsWith('last_vehicle');
      return {
        name: `${name}_${feature.name}`,
        type: isText ? ('category' as const) : ('number' as const),
        from: `${name}.${feature.name}`,
      };
    }),
  );
  const columns = ['visit.delay', 'visit.origin', 'newest.delay', 'newest.trip', 'plan.seats'].map((from) => ({
    name: from.replace('.', '_'),
    type: /origin|trip/.test(from) ? ('category' as const) : ('number' as const),
    from,
  }));
  return [
    ...base,
    ...Object.entries(views).map(([name, spec]): TypedResource => ({ kind: 'FeatureView', name, revision: 1, spec })),
    {
      kind: 'Model',
      name: 'everything',
      revision: 1,
      spec: {
        ...late.spec,
        views: Object.entries(keys).map(([name, key]) => ({ view: name, key })),
        inputs: [...inputs, ...columns],
      },
    },
  ];
}
