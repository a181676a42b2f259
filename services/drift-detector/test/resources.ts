import type { ModelSpec, SourceSpec } from '@everloop/contracts';

const hour = 3_600_000;

/** Arrivals with a delay, in so many partitions. */
export function sourceOf(partitions: number): SourceSpec {
  return {
    topic: 'arrived',
    partitions,
    format: 'json',
    key: 'id',
    eventTime: 'at',
    allowedLatenessMs: 0,
    unexpected: 'keep',
    compatibility: 'backward',
    unique: [],
    fields: { id: { type: 'string', required: true }, at: { type: 'timestamp', required: true } },
    rules: [],
  };
}

/** A model of late arrivals, whose labels may take so long. */
export function modelOf(waitMs: number): ModelSpec {
  return {
    request: [{ name: 'id', type: 'string' }],
    joinKey: 'id',
    examples: { source: 'arrived', time: 'at', offsetMs: 0 },
    views: [],
    inputs: [{ name: 'id', type: 'category', from: 'request.id' }],
    label: { source: 'arrived', key: 'id', field: 'at', above: 15, waitMs },
    training: {
      recipe: 'gbdt',
      parameters: {},
      seed: 1,
      minRows: 1,
      windowMs: hour,
      timeHoldoutMs: hour,
      fixedHoldoutPercent: 10,
      fixedHoldoutSalt: 's',
      timeoutMs: hour,
    },
    gates: { minRows: 1, minAuc: 0.5, minRecentGain: 0, maxFixedLoss: 0, confidence: 0.95 },
  };
}
