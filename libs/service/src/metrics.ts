import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ServiceError } from './errors.ts';

export type { Counter, Gauge, Histogram } from 'prom-client';

/** Makes metrics named `everloop_<service>_<thing>_<unit>[_total]`; asking twice for a name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  /** `across` says how the values of several processes become one; default: their sum. */
  gauge(name: string, help: string, labels?: readonly string[], across?: 'sum' | 'average' | 'max'): Gauge;
  /** `buckets` are upper bounds in the unit of the name, ascending. */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
  /** The text that /metrics serves. */
  text(): Promise<string>;
}

/** The one registry of this process. */
const registry = new Registry();
let collectsProcess = false;

/** Metrics of this process, in the one registry that /metrics serves, labelled with the service's name. */
export function createMetrics(service: string): Metrics {
  registry.setDefaultLabels({ service });
  if (!collectsProcess) {
    collectsProcess = true;
    collectDefaultMetrics({ register: registry });
  }
  return {
    counter: (name, help, labels = []) =>
      known(name, Counter) ?? new Counter({ name, help, labelNames: [...labels], registers: [registry] }),
    gauge: (name, help, labels = [], across = 'sum') =>
      known(name, Gauge) ??
      new Gauge({ name, help, labelNames: [...labels], registers: [registry], aggregator: across }),
    histogram: (name, help, buckets, labels = []) =>
      known(name, Histogram) ??
      new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers: [registry] }),
    text: () => registry.metrics(),
  };
}

/** The text of metrics and its content type. */
export type RenderMetrics = () => Promise<{ readonly text: string; readonly contentType: string }>;

/** The text of every metric of this process and its content type. */
export const renderMetrics: RenderMetrics = async () => ({
  text: await registry.metrics(),
  contentType: registry.contentType,
});

/** Every metric of this process as plain data, for `mergeMetrics` in another one. */
export function exportMetrics(): Promise<readonly object[]> {
  return registry.getMetricsAsJSON();
}

/** The text of the metrics of several processes as of one: counters and histograms are added, gauges by their `across`. */
export async function mergeMetrics(
  exports: readonly (readonly object[])[],
): Promise<{ readonly text: string; readonly contentType: string }> {
  const merged = AggregatorRegistry.aggregate(exports.map((each) => [...each]));
  return { text: await merged.metrics(), contentType: registry.contentType };
}

function known<T extends Counter | Gauge | Histogram>(name: string, type: new (...args: never[]) => T): T | undefined {
  if (!/^everloop_[a-z0-9_]+$/.test(name)) {
    throw new ServiceError({
      code: 'EVL_METRICS_NAME_INVALID',
      kind: 'bug',
      message: `metric '${name}' must be named everloop_<service>_<thing>_<unit>, lower case`,
    });
  }
  const metric = registry.getSingleMetric(name);
  if (metric === undefined || metric instanceof type) return metric;
  throw new ServiceError({
    code: 'EVL_METRICS_TYPE_CONFLICT',
    kind: 'bug',
    message: `metric '${name}' was made before with another type`,
  });
}
