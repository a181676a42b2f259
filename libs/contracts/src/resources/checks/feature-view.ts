import { formatDuration } from '../../duration.ts';
import type { Finding } from '../../errors.ts';
import { entityFields } from '../entities.ts';
import type { AggregateFeature, AggregateFunction } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { checkEntityRef } from './entity.ts';
import { type CheckContext, checkField, isFound, repeats, wrongValue } from './context.ts';

/** Types of columns that are numbers as they come. */
export const numericTypes = ['number', 'integer'] as const;
/** Types of columns that can be aggregated or be a numeric input; a decimal is then the nearest double. */
export const aggregatedTypes = [...numericTypes, 'decimal'] as const;

/** Functions that need numbers. */
const numericFunctions: ReadonlySet<AggregateFunction> = new Set(['sum', 'mean', 'min', 'max', 'std', 'quantile']);
/** A timestamp is its epoch milliseconds. */
const numericColumns = [...aggregatedTypes, 'timestamp', 'boolean'];
const anyColumns = [...numericColumns, 'string'];

/** What is wrong with a FeatureView: its source, entity, columns and windows. */
export function checkFeatureView(view: ResourceOf<'FeatureView'>, context: CheckContext): Finding[] {
  const { spec } = view;
  const findings = [...checkShape(view)];
  const source = context.resolve('Source', spec.source, ['spec', 'source']);
  if (source === null) return findings;
  if (!isFound(source)) return [...findings, source];
  entityFields(spec).forEach((field, i) => {
    const path = typeof spec.entity === 'string' ? ['spec', 'entity'] : ['spec', 'entity', i];
    findings.push(...checkField(source, field, ['string', 'integer'], path));
  });
  findings.push(...checkEntityRef(view, source, context));
  spec.columns.forEach((column, i) => findings.push(...checkField(source, column, 'any', ['spec', 'columns', i])));
  spec.aggregations.forEach((feature, i) => {
    if (feature.column === undefined) return;
    const types = numericFunctions.has(feature.function) ? numericColumns : anyColumns;
    findings.push(...checkField(source, feature.column, types, ['spec', 'aggregations', i, 'column']));
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
  if (feature.function !== 'count' && feature.column === undefined) {
    findings.push({ path, at: 'value', message: `"column" is missing: ${feature.function} needs a column` });
  }
  if ((feature.k === undefined) === (feature.function === 'lastK'))
    findings.push(missingOrMeaningless(feature, 'k', 'lastK', path));
  if ((feature.quantile === undefined) === (feature.function === 'quantile'))
    findings.push(missingOrMeaningless(feature, 'quantile', 'quantile', path));
  if (feature.windowMs < hopMs) {
    const message = `the window ${formatDuration(feature.windowMs)} is shorter than the hop ${formatDuration(hopMs)}`;
    findings.push(wrongValue([...path, 'window'], message));
  }
  return findings;
}

function missingOrMeaningless(
  feature: AggregateFeature,
  key: 'k' | 'quantile',
  owner: AggregateFunction,
  path: Finding['path'],
): Finding {
  if (feature.function === owner) return { path, at: 'value', message: `"${key}" is missing: ${owner} needs it` };
  return wrongValue([...path, key], `"${key}" says nothing about ${feature.function}`);
}
