import { formatDuration } from '../../duration.ts';
import type { Finding } from '../../errors.ts';
import { hasNumericLabel, type MonitorSpec } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { namesColumn, watchedColumns } from '../watched-columns.ts';
import { type CheckContext, isFound, unknownName, wrongValue } from './context.ts';
import { checkNumericMonitor } from './numeric-label.ts';

/** Panes of the drift detector are event hours, so windows are whole ones. */
const hourMs = 3_600_000;

/** What is wrong with a length of time of a Monitor; absent, it is right. */
function wholeHours(path: readonly string[], ms: number | undefined): Finding[] {
  if (ms === undefined || (ms > 0 && ms % hourMs === 0)) return [];
  return [wrongValue(['spec', ...path], `must be whole hours, but is ${formatDuration(ms)}`, '1h, 1d, 7d and so on')];
}

/** What is wrong with the windows of a Monitor, and with what makes an alarm of them. */
function checkMonitorWindows({ windowMs, slideMs, performance, raise, reference }: MonitorSpec): Finding[] {
  const findings = [
    ...wholeHours(['window'], windowMs),
    ...wholeHours(['slide'], slideMs),
    ...wholeHours(['performance', 'window'], performance?.windowMs),
  ];
  if (slideMs !== undefined && slideMs > windowMs) {
    const message = `rows between windows would be seen by none: ${formatDuration(slideMs)} is longer than the window, ${formatDuration(windowMs)}`;
    findings.push(wrongValue(['spec', 'slide'], message));
  }
  if (raise.windows > raise.of) {
    const message = `${raise.windows} of the last ${raise.of} windows can never be drifted`;
    findings.push(wrongValue(['spec', 'raise', 'windows'], message));
  }
  const seasonMs = { none: Infinity, hour: 24 * hourMs, weekday: 7 * 24 * hourMs }[reference.phase];
  if (windowMs >= seasonMs) {
    const season = reference.phase === 'hour' ? 'hour of the day' : 'day of the week';
    const message = `a window of ${formatDuration(windowMs)} has every ${season}, so all rows are its reference; take windows shorter than ${formatDuration(seasonMs)}, or no phase`;
    findings.push(wrongValue(['spec', 'reference', 'phase'], message, 'none'));
  }
  return findings;
}

/** What is wrong with a Monitor: its model, its fields, its windows. */
export function checkMonitor(monitor: ResourceOf<'Monitor'>, context: CheckContext): Finding[] {
  const { spec } = monitor;
  const findings = checkMonitorWindows(spec);
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
  spec.thresholds.forEach(({ field }, i) => {
    if (columns.includes(field)) return;
    const message = `Model "${model.name}" has no column "${field}"`;
    findings.push(unknownName(['spec', 'thresholds', i, 'field'], message, field, columns));
  });
  findings.push(...checkJudgedSlices(spec, model), ...checkNumericMonitor(spec, model));
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

/** Slices that the Model does not have. */
function checkJudgedSlices({ performance }: MonitorSpec, model: ResourceOf<'Model'>): Finding[] {
  if (performance === undefined || performance.slices === 'all') return [];
  const known = (model.spec.slices ?? []).map(({ name }) => name);
  return performance.slices.flatMap((slice, i) => {
    if (known.includes(slice)) return [];
    const message = `Model "${model.name}" has no slice "${slice}"`;
    return [unknownName(['spec', 'performance', 'slices', i], message, slice, known)];
  });
}

/** What is wrong with a Trigger: its model, or that it cannot be trained. */
export function checkTrigger(trigger: ResourceOf<'Trigger'>, context: CheckContext): Finding[] {
  const findings = checkModelOnce('Trigger', trigger, context);
  const model = context.resolve('Model', trigger.spec.model, ['spec', 'model']);
  if (model === null || !isFound(model) || !hasNumericLabel(model.spec.label)) return findings;
  const message = `Model "${model.name}" has a numeric label, which no recipe fits; its versions are registered from outside`;
  return [...findings, wrongValue(['spec', 'model'], message)];
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
