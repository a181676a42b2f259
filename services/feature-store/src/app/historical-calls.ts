import { features, pinnedService, serviceDigest, serviceFeatures, type FeatureServiceSpec } from '@everloop/contracts';
import { compileFromCatalog, FeatureError, planLookup, type CompiledView, type LookupPlan } from '@everloop/features';

import { entityFields, planFeatures, planService, serviceNamed } from '../domain/feature-plan.ts';
import type { Topology } from '../domain/topology.ts';
import { errors } from '../errors.ts';
import type { History } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';

const rowsMax = 10_000;

export interface HistoricalCallsOptions {
  /** The topology now. */
  readonly topology: () => Topology;
  readonly history: Pick<History, 'pointInTime' | 'freshness'>;
  readonly telemetry: Pick<Telemetry, 'queried'>;
}

/** Questions to the whole history. */
export interface HistoricalCalls {
  /**
   * Answers each message before it reads the next, so memory holds one message's rows whatever the length of the stream. One plan for the
   * whole stream, even when the definitions change while it runs.
   */
  getHistoricalStream(
    requests: AsyncIterable<features.GetHistoricalStreamRequest>,
  ): AsyncIterable<features.GetHistoricalStreamResponse>;
  describe(request: features.DescribeRequest): Promise<features.DescribeResponse>;
}

export function createHistoricalCalls(options: HistoricalCallsOptions): HistoricalCalls {
  const { history, telemetry } = options;
  return {
    async *getHistoricalStream(requests) {
      const startedMs = performance.now();
      let asked: { readonly plan: LookupPlan; readonly known: KnownPolicy } | null = null;
      let rows = 0;
      for await (const request of requests) {
        const isFirst = asked === null;
        asked ??= { plan: planOf(options.topology(), request), known: knownPolicy(request.known) };
        if (request.rows.length > rowsMax)
          throw errors.requestInvalid(`At most ${rowsMax} rows fit in one message; these are ${request.rows.length}`);
        const { plan, known } = asked;
        const answers = request.rows.length === 0 ? [] : await history.pointInTime(plan, request.rows, { known });
        rows += answers.length;
        if (isFirst || answers.length > 0) yield { names: isFirst ? [...plan.names] : [], rows: answers };
      }
      telemetry.queried('GetHistoricalStream', rows, performance.now() - startedMs);
    },
    async describe(request) {
      const startedMs = performance.now();
      const topology = options.topology();
      const names = request.views.length === 0 ? [...topology.catalog.views.keys()].sort() : request.views;
      const views: features.DescribeResponse_View[] = [];
      for (const name of names) views.push(await describeView(name, topology, history));
      telemetry.queried('Describe', views.length, performance.now() - startedMs);
      return { views, services: describeServices(topology) };
    },
  };
}

export type KnownPolicy = 'bitemporal' | 'latest';

/** Bitemporal unless the latest was asked for. EVL_FEATURES_REQUEST_INVALID for a value of a newer contract. */
export function knownPolicy(policy: features.KnownPolicy): KnownPolicy {
  switch (policy) {
    case features.KnownPolicy.UNSPECIFIED:
    case features.KnownPolicy.BITEMPORAL:
      return 'bitemporal';
    case features.KnownPolicy.LATEST:
      return 'latest';
    default:
      throw errors.requestInvalid('known must be bitemporal or latest');
  }
}

function planOf(topology: Topology, request: features.GetHistoricalStreamRequest): LookupPlan {
  try {
    if (request.featureService !== '') {
      if (request.model !== '' || request.features.length > 0)
        throw errors.requestInvalid('Give one of model, feature_service and features');
      return planService(serviceNamed(request.featureService, topology.catalog), topology.catalog);
    }
    if (request.model === '') return planFeatures(request.features, topology.catalog);
    if (request.features.length > 0) throw errors.requestInvalid('Give a model or features, not both');
    const spec = topology.models.get(request.model);
    if (spec === undefined) throw errors.modelNotFound(request.model);
    return planLookup(spec, topology.catalog);
  } catch (error) {
    throw error instanceof FeatureError ? errors.definition(error) : error;
  }
}

function describeServices({ catalog, models }: Topology): features.DescribeResponse_Service[] {
  const { sources, views, services = new Map<string, FeatureServiceSpec>() } = catalog;
  return [...services]
    .map(([key, spec]) => ({
      ...{ name: key.slice(0, key.lastIndexOf('@')), version: spec.version, description: spec.description },
      features: serviceFeatures(spec, views).map((path) => path.join('.')),
      request: spec.request.map((field) => ({ ...field })),
      onDemand: spec.onDemand.map((feature) => ({ ...feature })),
      digest: serviceDigest(spec, { views, sources }),
      models: [...models].flatMap(([model, each]) => (pinnedService(each) === key ? [model] : [])).sort(),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version));
}

async function describeView(
  name: string,
  topology: Topology,
  history: HistoricalCallsOptions['history'],
): Promise<features.DescribeResponse_View> {
  const spec = topology.catalog.views.get(name);
  let view: CompiledView;
  try {
    view = compileFromCatalog(name, topology.catalog);
  } catch (error) {
    throw error instanceof FeatureError ? errors.definition(error) : error;
  }
  const { newestEventMs, newestKnownMs, records } = await history.freshness(view.source);
  const definition = topology.definitions.get(`FeatureView/${name}`);
  return {
    name,
    source: view.source,
    entity: entityFields(view).map((field) => ({ ...field })),
    features: view.features.map((feature) => ({
      name: feature.name,
      type: feature.type,
      function: feature.function,
      column: view.columns[feature.column]?.name ?? '',
      windowMs: feature.windowMs,
    })),
    ...{ ttlMs: view.ttlMs, hopMs: view.hopMs, description: spec?.description ?? '', owner: spec?.owner ?? '' },
    ...{ newestEventMs, newestKnownMs, records },
    ...{ digest: definition?.digest ?? '', revision: definition?.revision ?? 0 },
  };
}
