import type { features, serving } from '@everloop/contracts';
import {
  FeatureError,
  lookupMany,
  planLookup,
  type FeatureScalar,
  type LookupPlan,
  type Mget,
} from '@everloop/features';
import type { ModelSpec } from '@everloop/contracts';

import { definitionsOf, type Topology } from '../domain/topology.ts';
import { excludedRangesMax, mergeRanges, type ExcludedRange } from '../domain/exclude-sql.ts';
import { errors } from '../errors.ts';
import type { Datasets, History } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import type { DatasetCalls } from './dataset-calls.ts';
import { knownPolicy } from './historical-calls.ts';

export interface FeatureCallsOptions {
  /** The topology now. */
  readonly topology: () => Topology;
  readonly mget: Mget;
  readonly history: History;
  readonly datasets: Pick<Datasets, 'countLabels'>;
  readonly snapshots: Pick<DatasetCalls, 'create'>;
  readonly telemetry: Telemetry;
}

const rowsMax = 10_000;

/** What the service answers, in domain terms; one function per RPC. */
export interface FeatureCalls {
  getOnline(request: features.GetFeaturesRequest): Promise<features.GetFeaturesResponse>;
  getHistorical(request: features.GetFeaturesRequest): Promise<features.GetFeaturesResponse>;
  createDataset(request: features.CreateDatasetRequest): Promise<features.CreateDatasetResponse>;
  countLabels(request: features.CountLabelsRequest): Promise<features.CountLabelsResponse>;
}

export function createFeatureCalls(options: FeatureCallsOptions): FeatureCalls {
  const { history, datasets, telemetry } = options;
  const plans = new WeakMap<Topology, Map<string, LookupPlan>>();

  function specOf(model: string): ModelSpec {
    const spec = options.topology().models.get(model);
    if (spec === undefined) throw errors.modelNotFound(model);
    return spec;
  }

  function planOf(model: string): LookupPlan {
    const topology = options.topology();
    const known = plans.get(topology) ?? new Map<string, LookupPlan>();
    plans.set(topology, known);
    const plan = known.get(model) ?? makePlan(specOf(model), topology);
    known.set(model, plan);
    return plan;
  }

  async function timed<T>(rpc: string, rows: number, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const result = await work();
    telemetry.queried(rpc, rows, performance.now() - startedMs);
    return result;
  }

  return {
    getOnline: (request) =>
      timed('GetOnline', request.rows.length, async () => {
        checkRows(request);
        const plan = planOf(request.model);
        const rows = request.rows.map((row) => ({ request: scalars(row.request), asOfMs: row.asOfMs }));
        const vectors = await lookupMany(plan, rows, options.mget);
        return {
          names: [...plan.names],
          rows: vectors.map(({ values, statuses }) => ({ values: values.map(wireValue), statuses: [...statuses] })),
        };
      }),
    getHistorical: (request) =>
      timed('GetHistorical', request.rows.length, async () => {
        checkRows(request);
        const plan = planOf(request.model);
        return { names: [...plan.names], rows: await history.pointInTime(plan, request.rows) };
      }),
    async createDataset(request) {
      const { model, fromMs, untilMs, asOfMs } = request;
      const exclude = excluded(request.exclude);
      if (!(fromMs < untilMs) || asOfMs <= 0) {
        throw errors.requestInvalid('Give from_ms before until_ms and as_of_ms above 0, in epoch milliseconds');
      }
      const plan = planOf(model);
      const definitions = definitionsOf(options.topology(), model, plan);
      const known = knownPolicy(request.known);
      const by = { createdBy: request.createdBy, reason: request.reason };
      const asked = { model, spec: specOf(model), plan, fromMs, untilMs, asOfMs, exclude, known, definitions };
      return options.snapshots.create(asked, by);
    },
    countLabels: (request) =>
      timed('CountLabels', 0, async () => ({
        rows: await datasets.countLabels(specOf(request.model), request.asOfMs, excluded(request.exclude)),
      })),
  };
}

function makePlan(spec: ModelSpec, topology: Topology): LookupPlan {
  try {
    return planLookup(spec, topology.catalog);
  } catch (error) {
    throw error instanceof FeatureError ? errors.definition(error) : error;
  }
}

function checkRows(request: features.GetFeaturesRequest): void {
  if (request.rows.length > rowsMax) {
    throw errors.requestInvalid(`At most ${rowsMax} rows can be asked for at once; these are ${request.rows.length}`);
  }
}

function excluded(ranges: readonly ExcludedRange[]): readonly ExcludedRange[] {
  const merged = mergeRanges(ranges);
  if (merged.length <= excludedRangesMax) return merged;
  throw errors.requestInvalid(
    `At most ${excludedRangesMax} separate ranges can be excluded; these are ${merged.length}`,
  );
}

function scalars(request: Readonly<Record<string, serving.FeatureValue>>): Record<string, FeatureScalar> {
  const values: Record<string, FeatureScalar> = {};
  for (const [name, { kind }] of Object.entries(request)) {
    values[name] = kind === undefined || kind.$case === 'missing' ? null : kind.value;
  }
  return values;
}

function wireValue(value: FeatureScalar): serving.FeatureValue {
  if (value === null) return { kind: { $case: 'missing', value: true } };
  return typeof value === 'number' ? { kind: { $case: 'number', value } } : { kind: { $case: 'text', value } };
}
