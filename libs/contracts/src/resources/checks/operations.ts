import { formatDuration } from '../../duration.ts';
import type { Finding } from '../../errors.ts';
import type { ResourceOf } from '../wire.ts';
import { namesColumn, watchedColumns } from '../watched-columns.ts';
import { type CheckContext, isFound, unknownName, wrongValue } from './context.ts';

/** Panes of the drift detector are event days, so windows are whole ones. */
const dayMs = 86_400_000;

/** What is wrong with a Monitor: its model, its fields, its window. */
export function checkMonitor(monitor: ResourceOf<'Monitor'>, context: CheckContext): Finding[] {
  const { spec } = monitor;
  const findings: Finding[] = [];
  if (spec.windowMs === 0 || spec.windowMs % dayMs !== 0) {
    findings.push(
      wrongValue(['spec', 'window'], `must be whole days, but is ${formatDuration(spec.windowMs)}`, '1d, 7d and so on'),
    );
  }
  const model = context.resolve('Model', spec.model, ['spec', 'model']);
  if (model === null) return findings;
  if (!isFound(model)) return [...findings, model];
  const columns = watchedColumns(model.spec);
  const named = spec.fields;
  const fields =
    named === 'all' ? columns : columns.filter((column) => named.some((name) => namesColumn(name, column)));
  if (named !== 'all') {
    named.forEach((field, i) => {
      if (columns.some((column) => namesColumn(field, column))) return;
      const message = `Model "${model.name}" has no input "${field}"`;
      findings.push(unknownName(['spec', 'fields', i], message, field, columns));
    });
  }
  if (fields.length > 0 && spec.minDriftedFields > fields.length) {
    findings.push(
      wrongValue(
        ['spec', 'minDriftedFields'],
        `${spec.minDriftedFields} fields can never drift: ${fields.length} are watched`,
      ),
    );
  }
  return findings;
}

/** What is wrong with a Trigger: its model. */
export function checkTrigger(trigger: ResourceOf<'Trigger'>, context: CheckContext): Finding[] {
  return checkModelOnce('Trigger', trigger, context);
}

/** What is wrong with the model of a resource of which each Model has at most one. */
export function checkModelOnce(
  kind: 'Rollout' | 'Trigger',
  resource: ResourceOf<'Rollout'> | ResourceOf<'Trigger'>,
  context: CheckContext,
): Finding[] {
  const path = ['spec', 'model'];
  const model = context.resolve('Model', resource.spec.model, path);
  if (model !== null && !isFound(model)) return [model];
  const other = context.resources.find(
    (r) => r.kind === kind && r.name !== resource.name && r.spec.model === resource.spec.model,
  );
  if (other === undefined) return [];
  return [
    wrongValue(path, `${kind} "${other.name}" is already for the Model "${resource.spec.model}"; there can be one`),
  ];
}
