import type { ErrorEntry } from './errors.ts';
import type { MetricEntry } from './metrics.ts';
import type { TopicEntry } from './topics.ts';

/** Everything that has a name which users search for. */
export interface Names {
  readonly errors: readonly ErrorEntry[];
  readonly metrics: readonly MetricEntry[];
  readonly topics: readonly TopicEntry[];
  /** Beginnings of topics that are named by a source topic. */
  readonly topicFamilies: readonly string[];
  /** Variables of the environment; `EVL_X_…` stands for all that begin so. */
  readonly variables: ReadonlySet<string>;
}

/** A name in a document that the program does not have. */
export interface Stale {
  readonly file: string;
  readonly name: string;
}

/** Suffixes that Prometheus adds to the series of a histogram. */
const series = /_(bucket|sum|count)$/;

/** Names of codes, variables, metrics and topics in a document that the program does not have. A trailing `_*` or `_…` names a family. */
export function staleNames(file: string, text: string, names: Names): readonly Stale[] {
  const codes = new Set(names.errors.map(({ code }) => code));
  const metrics = new Set(names.metrics.map(({ name }) => name));
  const topics = new Set(names.topics.map(({ name }) => name));
  const topicFamilies = new Set(names.topicFamilies);
  const stale = new Set<string>();
  for (const [name] of text.matchAll(/\bEVL_[A-Z0-9_]*[A-Z0-9](_[*…])?/g)) {
    if (!isKnown(name, codes) && !isVariable(name, names.variables)) stale.add(name);
  }
  for (const [name] of text.matchAll(/\beverloop_[a-z0-9_]*[a-z0-9](_[*…])?/g)) {
    if (!isKnown(name, metrics) && !metrics.has(name.replace(series, ''))) stale.add(name);
  }
  for (const [name] of text.matchAll(/\beverloop\.[a-z]+\.[a-z.-]+\.v\d+\b/g)) {
    if (!topics.has(name) && !topicFamilies.has(name) && !isPackage(name)) stale.add(name);
  }
  return [...stale].map((name) => ({ file, name }));
}

function isKnown(name: string, known: ReadonlySet<string>): boolean {
  const family = /^(.*_)[*…]$/.exec(name)?.[1];
  return family === undefined ? known.has(name) : [...known].some((each) => each.startsWith(family));
}

/** `EVL_X_…` among the variables stands for all that begin so. */
function isVariable(name: string, variables: ReadonlySet<string>): boolean {
  if (isKnown(name, variables)) return true;
  return [...variables].some((each) => each.endsWith('…') && `${name}_`.startsWith(each.slice(0, -1)));
}

/** `everloop.features.v1` is a package of protocol buffers. */
function isPackage(name: string): boolean {
  return name.split('.').length === 3;
}
