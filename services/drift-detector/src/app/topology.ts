import { hasNumericLabel, ofKind, topics, type SourceSpec, type TypedResource } from '@everloop/contracts';
import type { TopicSpec } from '@everloop/kafka';
import { qualityMonitors, type NamedMonitor, type QualityMonitor } from '@everloop/drift';
import { surroundingTopics } from '../domain/surroundings.ts';

/** Partitions of the inference log: as many as the label sources of the Models have; null until one is known. */
export function inferencePartitions(resources: readonly TypedResource[]): number | null {
  const sources = new Map<string, SourceSpec>(ofKind(resources, 'Source').map(({ name, spec }) => [name, spec]));
  const partitions = ofKind(resources, 'Model')
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ spec }) => sources.get(spec.label.source)?.partitions ?? []);
  return partitions[0] ?? null;
}

/** The applied Monitors, by name. */
export function monitorsOf(resources: readonly TypedResource[]): readonly NamedMonitor[] {
  return ofKind(resources, 'Monitor')
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, revision, spec }) => ({ name, revision, spec }));
}

/** The applied Monitors that watch the quality of a Model that is applied, by name. */
export function qualityMonitorsOf(resources: readonly TypedResource[]): readonly QualityMonitor[] {
  const models = new Map(
    ofKind(resources, 'Model').map(({ name, spec: { label, slices = [] } }) => [
      name,
      { waitMs: label.waitMs, slices: slices.map((slice) => slice.name), isNumeric: hasNumericLabel(label) },
    ]),
  );
  return qualityMonitors(monitorsOf(resources), (model) => models.get(model));
}

/** The Sources that a training of a model reads: examples, label, and those of its views. */
export function sourcesOf(resources: readonly TypedResource[], model: string): readonly string[] {
  const spec = ofKind(resources, 'Model').find(({ name }) => name === model)?.spec;
  if (spec === undefined) return [];
  const views = new Set(spec.views.map(({ view }) => view));
  const viewed = ofKind(resources, 'FeatureView').flatMap(({ name, spec: own }) => (views.has(name) ? own.source : []));
  return [...new Set([spec.examples.source, spec.label.source, ...viewed])].sort();
}

/** The topics of Everloop that the stages read and write. */
export function driftTopics(partitions: number): readonly TopicSpec[] {
  const control = [
    topics.driftPane,
    topics.driftReport,
    topics.driftQuality,
    topics.driftDecision,
    topics.driftAlert,
    topics.progress,
  ];
  const heard = surroundingTopics.filter((name) => name !== topics.qualityHold);
  return [
    { name: topics.inferenceServed, partitions },
    ...[...control, ...heard].map((name) => ({ name, partitions: 1 })),
    ...[topics.driftState, topics.driftPlan, topics.qualityHold].map((name) => ({
      name,
      partitions: 1,
      compacted: true,
    })),
  ];
}

/** Field that rows of a model belong to: panes are counted once for all of its Monitors, so the first that names one decides. */
export function unitOf(resources: readonly TypedResource[], model: string): string | undefined {
  return monitorsOf(resources).find(({ spec }) => spec.model === model && spec.unit !== undefined)?.spec.unit;
}
