import { ofKind, topics, type SourceSpec, type TypedResource } from '@everloop/contracts';
import type { TopicSpec } from '@everloop/kafka';
import { qualityMonitors, type NamedMonitor, type QualityMonitor } from '@everloop/drift';

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
  const waits = new Map(ofKind(resources, 'Model').map(({ name, spec }) => [name, spec.label.waitMs]));
  return qualityMonitors(monitorsOf(resources), (model) => waits.get(model));
}

/** The topics of Everloop that the two stages read and write. */
export function driftTopics(partitions: number): readonly TopicSpec[] {
  const control = [
    topics.driftPane,
    topics.driftReport,
    topics.driftQuality,
    topics.driftAlert,
    topics.outcomeStats,
    topics.retrainingRequested,
    topics.progress,
  ];
  return [
    { name: topics.inferenceServed, partitions },
    ...control.map((name) => ({ name, partitions: 1 })),
    { name: topics.driftState, partitions: 1, compacted: true },
  ];
}
