import { ofKind, topics, type SourceSpec, type TypedResource } from '@everloop/contracts';
import type { TopicSpec } from '@everloop/kafka';
import type { NamedMonitor } from '@everloop/drift';

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

/** The topics of Everloop that the two stages read and write. */
export function driftTopics(partitions: number): readonly TopicSpec[] {
  const control = [
    topics.driftPane,
    topics.driftReport,
    topics.driftAlert,
    topics.retrainingRequested,
    topics.progress,
  ];
  return [{ name: topics.inferenceServed, partitions }, ...control.map((name) => ({ name, partitions: 1 }))];
}
