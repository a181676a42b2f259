import { compileSlices, ofKind, topics, validTopic, type SourceSpec, type TypedResource } from '@everloop/contracts';
import type { TopicSpec } from '@everloop/kafka';
import { joinRule, labelRule } from '../domain/label.ts';
import type { Join } from './join-task.ts';

/** A join with the number of partitions that its topics share. */
export interface PlannedJoin extends Join {
  readonly partitions: number;
}

/** The joins that the applied resources ask for: one for each Model whose label Source is there, by name. */
export function planJoins(resources: readonly TypedResource[]): readonly PlannedJoin[] {
  const sources = new Map<string, SourceSpec>(ofKind(resources, 'Source').map(({ name, spec }) => [name, spec]));
  return ofKind(resources, 'Model')
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, spec }) => {
      const source = sources.get(spec.label.source);
      if (source === undefined) return [];
      return {
        model: name,
        joinRule: joinRule(spec.label),
        labelTopic: validTopic(source.topic),
        labelFormat: {
          format: source.format,
          ...(source.schemaRegistry === undefined ? {} : { schemaRegistry: source.schemaRegistry }),
        },
        rule: labelRule(spec.label, source.eventTime),
        slices: compileSlices(spec),
        partitions: source.partitions,
      };
    });
}

/** The topics of Everloop that a join reads and writes. */
export function topicsOf(join: PlannedJoin): readonly TopicSpec[] {
  const { partitions } = join;
  return [
    { name: topics.inferenceServed, partitions },
    { name: topics.inferenceShadowed, partitions },
    { name: topics.outcomeSettled, partitions },
    { name: topics.outcomePending, partitions, compacted: true },
    { name: topics.outcomeStats, partitions: 1 },
    { name: topics.armStats, partitions: 1, compacted: true },
    { name: topics.progress, partitions: 1 },
  ];
}
