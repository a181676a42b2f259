import type { registry } from '@everloop/contracts';
import { type ModelSpec, type TriggerSpec } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import type { Catalogue, VersionLedger } from '../src/ports.ts';
import type { Telemetry } from '../src/telemetry.ts';

export const dayMs = 86_400_000;

export function modelSpec(
  over: { training?: Partial<ModelSpec['training']>; gates?: Partial<ModelSpec['gates']> } = {},
): ModelSpec {
  return {
    request: [
      { name: 'id', type: 'string' },
      { name: 'carrier', type: 'string' },
      { name: 'x', type: 'number' },
      { name: 'y', type: 'number' },
    ],
    joinKey: 'id',
    examples: { source: 's', time: 't', offsetMs: 0 },
    views: [],
    inputs: [
      { name: 'carrier', type: 'category', from: 'request.carrier' },
      { name: 'x', type: 'number', from: 'request.x' },
      { name: 'y', type: 'number', from: 'request.y' },
    ],
    label: { source: 'l', key: 'id', field: 'late', above: 0.5, waitMs: dayMs },
    training: {
      ...{ recipe: 'gbdt', parameters: { rounds: 40, leaves: 7, minLeafRows: 20 }, seed: 3, minRows: 100 },
      ...{
        windowMs: 60 * dayMs,
        timeHoldoutMs: 10 * dayMs,
        fixedHoldoutPercent: 10,
        fixedHoldoutSalt: 's',
        timeoutMs: 60_000,
      },
      ...over.training,
    },
    gates: { minRows: 50, minAuc: 0.6, minRecentGain: 0, maxFixedLoss: 0.01, confidence: 0.95, ...over.gates },
  };
}

export function catalogueOf(spec: ModelSpec | undefined, trigger?: TriggerSpec): Catalogue {
  return {
    model: (name) => (spec === undefined ? undefined : { name, revision: 2, spec }),
    judgedSources: () => [],
    triggers: () => (trigger === undefined ? [] : [{ name: 'first', spec: trigger }]),
  };
}

/** A ledger that numbers versions as the registry does. */
export function memoryLedger(
  versions: registry.ModelVersion[] = [],
): VersionLedger & { readonly all: registry.ModelVersion[] } {
  return {
    all: versions,
    versions: async (model) => versions.filter((version) => version.model === model),
    register: async (version) => {
      const known = versions.find((each) => each.jobId === version.jobId);
      if (known !== undefined) return known;
      const registered = { ...version, version: String(versions.length + 1) };
      versions.push(registered);
      return registered;
    },
  };
}

export const silent: Telemetry = {
  jobEvent: () => undefined,
  jobFailed: () => undefined,
  unreadableRequest: () => undefined,
  away: () => undefined,
  recipeLine: () => undefined,
  waiting: () => undefined,
};

/** A task context that keeps what is emitted. */
export function recordingContext(
  replaying = false,
): TaskContext & { readonly records: OutRecord[]; readonly watermarks: number[] } {
  const records: OutRecord[] = [];
  const watermarks: number[] = [];
  return {
    ...{ partition: 0, replaying, records, watermarks },
    emit: (record) => void records.push(record),
    emitWatermark: (_topic, watermarkMs) => void watermarks.push(watermarkMs),
  };
}

export function busRecord(value: string, offset = 0n): BusRecord {
  return { topic: 't', partition: 0, offset, key: null, value: Buffer.from(value), headers: {}, timestampMs: 0 };
}
