import type { AggregateFeature, FeatureServiceSpec, FeatureViewSpec, TypedResource } from '@everloop/contracts';

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

/** Of numbers, text and a request field, with nulls, a division by zero and a value of its own where one is missing. */
export const computed: FeatureServiceSpec['onDemand'] = [
  { name: 'ratio', type: 'number', cel: 'place.total_35 / place.delays_35 - place.mean_120', description: '' },
  {
    name: 'per_mile',
    type: 'number',
    cel: 'route.mean_120 == null ? -1.0 : route.mean_120 / (request.miles - 3)',
    description: '',
  },
  { name: 'whole', type: 'integer', cel: 'plan.seats * 2 + floor(place.worst_35)', description: '' },
  { name: 'where', type: 'string', cel: 'request.origin + ":" + visit.origin', description: '' },
  { name: 'same', type: 'boolean', cel: 'visit.origin == request.origin && place.arrivals_35 > 1', description: '' },
  { name: 'always', type: 'number', cel: '1 + 1', description: '' },
];

const service: FeatureServiceSpec = {
  version: 1,
  description: 'test',
  features: [
    { view: 'place', features: ['total_35', 'delays_35', 'mean_120', 'worst_35', 'arrivals_35'] },
    { view: 'route', features: [] },
    { view: 'visit', features: ['origin'] },
    { view: 'plan', features: ['seats'] },
  ],
  request: [
    { name: 'miles', type: 'number' },
    { name: 'origin', type: 'string' },
  ],
  onDemand: computed,
  pins: {},
};

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
  const onDemand = computed.map(({ name, type }) => ({
    ...{ name: `computed_${name}`, from: `onDemand.${name}` },
    type: type === 'string' ? ('category' as const) : ('number' as const),
  }));
  return [
    ...base,
    ...Object.entries(views).map(([name, spec]): TypedResource => ({ kind: 'FeatureView', name, revision: 1, spec })),
    { kind: 'FeatureService', name: 'delays@1', revision: 1, spec: service },
    {
      kind: 'FeatureService',
      name: 'delays@2',
      revision: 1,
      spec: { ...service, version: 2, onDemand: computed.slice(0, 1) },
    },
    {
      kind: 'Model',
      name: 'everything',
      revision: 1,
      spec: {
        ...late.spec,
        views: Object.entries(keys).map(([name, key]) => ({ view: name, key })),
        features: { service: 'delays', version: 1 },
        inputs: [...inputs, ...columns, ...onDemand],
      },
    },
  ];
}
