import type { ModelSpec, SourceSpec } from '@everloop/contracts';

const hour = 3_600_000;

/** Arrivals with a delay, in two partitions. */
export const source: SourceSpec = {
  topic: 'arrived',
  partitions: 2,
  format: 'json',
  key: 'id',
  eventTime: 'at',
  allowedLatenessMs: 0,
  unexpected: 'keep',
  compatibility: 'backward',
  unique: [],
  fields: {
    id: { type: 'string', required: true },
    at: { type: 'timestamp', required: true },
    delay: { type: 'number', required: true },
  },
  rules: [],
};

/** A model of late arrivals, whose labels may take two days. */
export const model: ModelSpec = {
  request: [{ name: 'id', type: 'string' }],
  joinKey: 'id',
  examples: { source: 'arrived', time: 'at', offsetMs: 0 },
  views: [],
  inputs: [{ name: 'id', type: 'category', from: 'request.id' }],
  label: { source: 'arrived', key: 'id', field: 'delay', above: 15, waitMs: 48 * hour },
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
