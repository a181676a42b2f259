import { formatDuration } from '../../duration.ts';
import type { Finding } from '../../errors.ts';
import type { AggregateFeature } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { type CheckContext, checkField, isFound, repeats, wrongValue } from './context.ts';

/** Types of columns that are numbers as they come. */
export const numericTypes = ['number', 'integer'] as const;
/** Types of columns that can be aggregated or be a numeric input; a decimal is then the nearest double. */
export const aggregatedTypes = [...numericTypes, 'decimal'] as const;

/** What is wrong with a FeatureView: its source, entity, columns and windows. */
export function checkFeatureView(view: ResourceOf<'FeatureView'>, context: CheckContext): Finding[] {
  const { spec } = view;
  const findings = [...checkShape(view)];
  const source = context.resolve('Source', spec.source, ['spec', 'source']);
  if (source === null) return findings;
  if (!isFound(source)) return [...findings, source];
  findings.push(...checkField(source, spec.entity, ['string', 'integer'], ['spec', 'entity']));
  spec.columns.forEach((column, i) => findings.push(...checkField(source, column, 'any', ['spec', 'columns', i])));
  spec.aggregations.forEach((feature, i) => {
    if (feature.column === undefined) return;
    findings.push(...checkField(source, feature.column, aggregatedTypes, ['spec', 'aggregations', i, 'column']));
  });
  return findings;
}

function checkShape(view: ResourceOf<'FeatureView'>): Finding[] {
  const { columns, aggregations, hopMs } = view.spec;
  const findings: Finding[] = [];
  if (columns.length > 0 === aggregations.length > 0) {
    const message =
      columns.length > 0
        ? 'a view has columns or aggregations, not both; make two views'
        : 'a view needs columns or aggregations';
    findings.push({ path: ['spec'], at: 'key', message });
  }
  if (hopMs <= 0) findings.push(wrongValue(['spec', 'hop'], 'must be longer than nothing'));
  for (const { index, key } of repeats(aggregations, (feature) => feature.name)) {
    findings.push(wrongValue(['spec', 'aggregations', index, 'name'], `there are two features named "${key}"`));
  }
  aggregations.forEach((feature, i) => findings.push(...checkAggregation(feature, hopMs, ['spec', 'aggregations', i])));
  return findings;
}

function checkAggregation(feature: AggregateFeature, hopMs: number, path: Finding['path']): Finding[] {
  const findings: Finding[] = [];
  if (feature.function === 'count' && feature.column !== undefined) {
    findings.push(wrongValue([...path, 'column'], 'count counts records and has no column'));
  }
  if (feature.function !== 'count' && feature.column === undefined) {
    findings.push({ path, at: 'value', message: `"column" is missing: ${feature.function} needs a numeric column` });
  }
  if (feature.windowMs < hopMs) {
    const message = `the window ${formatDuration(feature.windowMs)} is shorter than the hop ${formatDuration(hopMs)}`;
    findings.push(wrongValue([...path, 'window'], message));
  }
  return findings;
}
