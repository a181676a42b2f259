import {
  inference,
  type FeatureViewSpec,
  type ModelSpec,
  type SourceSpec,
  type TypedResource,
} from '@everloop/contracts';

const field = (type: 'string' | 'number' | 'timestamp', required = true) => ({ type, required });

export const sources: Readonly<Record<string, SourceSpec>> = {
  weather: {
    topic: 'weather.observed',
    partitions: 1,
    format: 'json',
    key: 'origin',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'backward',
    unique: [],
    fields: { origin: field('string'), at: field('timestamp'), wind: field('number', false) },
    rules: [],
  },
  arrivals: {
    topic: 'arrivals',
    partitions: 3,
    format: 'json',
    key: 'trip',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'drop',
    compatibility: 'backward',
    unique: [],
    fields: { trip: field('string'), at: field('timestamp'), delay: field('number') },
    rules: [],
  },
};

export const view: FeatureViewSpec = {
  source: 'weather',
  entity: 'origin',
  columns: ['wind'],
  aggregations: [],
  hopMs: 0,
  ttlMs: 86_400_000,
  readBehindMs: 0,
  description: 'weather at the origin',
  owner: 'tests',
};

export const spec: ModelSpec = {
  request: [
    { name: 'trip', type: 'string' },
    { name: 'origin', type: 'string' },
    { name: 'distance', type: 'number' },
  ],
  joinKey: 'trip',
  examples: { source: 'arrivals', time: 'at', offsetMs: 0 },
  views: [{ view: 'conditions', key: 'request.origin' }],
  inputs: [
    { name: 'origin', type: 'category', from: 'request.origin' },
    { name: 'distance', type: 'number', from: 'request.distance' },
    { name: 'wind', type: 'number', from: 'conditions.wind' },
  ],
  label: { source: 'arrivals', key: 'trip', field: 'delay', above: 15, waitMs: 1 },
  training: {
    recipe: 'gbdt',
    parameters: {},
    seed: 1,
    minRows: 1,
    windowMs: 1,
    timeHoldoutMs: 1,
    fixedHoldoutPercent: 10,
    fixedHoldoutSalt: 's',
    timeoutMs: 1,
  },
  gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
};

/** Everything that model `delay` needs; the view may have another name, so that runs do not share online rows. */
export const resourcesFor = (model: ModelSpec, viewName: string): readonly TypedResource[] => [
  { kind: 'Model', name: 'delay', revision: 1, spec: model },
  { kind: 'FeatureView', name: viewName, revision: 1, spec: view },
  ...Object.entries(sources).map(([name, source]) => ({ kind: 'Source' as const, name, revision: 1, spec: source })),
];

export const resources = resourcesFor(spec, 'conditions');

/** A good request of one row; fields replace its parts. */
export function inferRequest(
  fields: Parameters<typeof inference.ModelInferRequest.fromPartial>[0] = {},
): inference.ModelInferRequest {
  return inference.ModelInferRequest.fromPartial({ modelName: 'delay', id: 'r1', inputs: trip('T1'), ...fields });
}

/** Inputs of as many rows as there are trips. */
export function trip(...trips: string[]) {
  const shape = [BigInt(trips.length)];
  const bytes = (texts: string[]) => ({ bytesContents: texts.map((text) => Buffer.from(text)) });
  return [
    { name: 'trip', datatype: 'BYTES', shape, contents: bytes(trips) },
    { name: 'origin', datatype: 'BYTES', shape, contents: bytes(trips.map(() => 'EWR')) },
    { name: 'distance', datatype: 'FP64', shape, contents: { fp64Contents: trips.map((_, row) => 100 + row) } },
  ];
}
