import { formatDuration } from '../../duration.ts';
import { ContractError, type Finding } from '../../errors.ts';
import { listNames } from '../../suggest.ts';
import { bindingKeys, entityFields } from '../entities.ts';
import { compileSlice } from '../slices.ts';
import type { ModelInput } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { checkDecisions } from './choose.ts';
import { type CheckContext, checkField, isFound, repeats, unknownName, wrongValue } from './context.ts';
import { viewTypes } from './feature-service.ts';
import { aggregatedTypes, numericTypes } from './feature-view.ts';
import { checkEmbeddings } from './embeddings.ts';
import { checkGate } from './gate.ts';
import { checkLabelKind } from './numeric-label.ts';
import { checkModelFeatures, onDemandOf } from './model-features.ts';
import { checkSplit } from './split.ts';

type Model = ResourceOf<'Model'>;
type Path = Finding['path'];

/** What is wrong with a Model: every reference to request fields, sources and views, and the types on both of its ends. */
export function checkModel(model: Model, context: CheckContext): Finding[] {
  const { spec } = model;
  const findings = [
    ...repeated(spec.request, (field) => field.name, ['spec', 'request'], 'name', 'request fields'),
    ...repeated(spec.views, (binding) => binding.view, ['spec', 'views'], 'view', 'bindings of the view'),
    ...repeated(spec.inputs, (input) => input.name, ['spec', 'inputs'], 'name', 'inputs'),
    ...checkEmbeddings(model),
    ...checkJoinKey(model),
    ...checkGate(model),
    ...checkDecisions(model),
    ...checkExamples(model, context),
    ...checkLabel(model, context),
    ...checkLabelKind(spec),
    ...checkSlices(model),
    ...checkLog(model),
    ...spec.views.flatMap((_, i) => checkBinding(model, i, context)),
    ...checkModelFeatures(model, context),
    ...spec.inputs.flatMap((input, i) => checkInput(model, input, ['spec', 'inputs', i], context)),
  ];
  const { windowMs, timeHoldoutMs } = spec.training;
  if (timeHoldoutMs >= windowMs) {
    const message = `the holdout ${formatDuration(timeHoldoutMs)} leaves nothing of the window ${formatDuration(windowMs)} to train on`;
    findings.push(wrongValue(['spec', 'training', 'timeHoldout'], message));
  }
  return [...findings, ...checkSplit(model, context)];
}

function repeated<T>(
  items: readonly T[],
  key: (item: T) => string,
  path: Path,
  field: string,
  what: string,
): Finding[] {
  return repeats(items, key).map((r) => wrongValue([...path, r.index, field], `there are two ${what} "${r.key}"`));
}

function checkJoinKey({ spec }: Model): Finding[] {
  const names = spec.request.map((field) => field.name);
  if (names.includes(spec.joinKey)) return [];
  return [unknownName(['spec', 'joinKey'], `the request has no field "${spec.joinKey}"`, spec.joinKey, names)];
}

function checkLog({ spec }: Model): Finding[] {
  const { share, attributions } = spec.log ?? {};
  if (share === undefined || attributions === undefined || attributions <= share) return [];
  const message = `attributions ${attributions} is above share ${share}: what is not logged cannot be logged with attributions`;
  return [wrongValue(['spec', 'log', 'attributions'], message)];
}

function checkExamples({ spec }: Model, context: CheckContext): Finding[] {
  const source = context.resolve('Source', spec.examples.source, ['spec', 'examples', 'source']);
  if (source === null) return [];
  if (!isFound(source)) return [source];
  return [
    ...checkField(source, spec.examples.time, ['timestamp'], ['spec', 'examples', 'time']),
    ...spec.request.flatMap((field, i) =>
      checkField(source, field.name, field.type === 'string' ? ['string'] : numericTypes, [
        'spec',
        'request',
        i,
        'name',
      ]),
    ),
  ];
}

function checkLabel({ spec }: Model, context: CheckContext): Finding[] {
  const { label } = spec;
  const source = context.resolve('Source', label.source, ['spec', 'label', 'source']);
  if (source === null) return [];
  if (!isFound(source)) return [source];
  const findings = [
    ...checkField(source, label.key, 'any', ['spec', 'label', 'key']),
    ...checkField(source, label.field, numericTypes, ['spec', 'label', 'field']),
    ...(label.by === undefined ? [] : checkField(source, label.by, ['string'], ['spec', 'label', 'by'])),
  ];
  if (findings.length > 0) return findings;
  if (label.key !== source.spec.key) {
    const message = `predictions and labels meet in one partition, so the key must be the Kafka key of Source "${source.name}"`;
    findings.push(wrongValue(['spec', 'label', 'key'], message, source.spec.key));
  }
  const joinType = spec.request.find((field) => field.name === spec.joinKey)?.type;
  const keyType = source.spec.fields[label.key]?.type;
  if (joinType !== undefined && keyType !== undefined && (joinType === 'string') !== (keyType === 'string')) {
    const message = `the label's key is a ${keyType} but the join key "${spec.joinKey}" is a ${joinType}; they could never be equal`;
    findings.push(wrongValue(['spec', 'label', 'key'], message));
  }
  return findings;
}

function checkSlices({ spec }: Model): Finding[] {
  const slices = spec.slices ?? [];
  const wrong = slices.flatMap((slice, index) => {
    try {
      compileSlice(spec, slice);
      return [];
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      return [wrongValue(['spec', 'slices', index, 'cel'], error.message)];
    }
  });
  return [...repeated(slices, ({ name }) => name, ['spec', 'slices'], 'name', 'slices'), ...wrong];
}

function checkBinding(model: Model, index: number, context: CheckContext): Finding[] {
  const binding = model.spec.views[index];
  if (binding === undefined) return [];
  const path = ['spec', 'views', index];
  const view = context.resolve('FeatureView', binding.view, [...path, 'view']);
  const earlier = model.spec.views.slice(0, index).map((other) => other.view);
  const findings: Finding[] = view === null || isFound(view) ? [] : [view];
  const keys = bindingKeys(binding);
  if (view !== null && isFound(view) && keys.length !== entityFields(view.spec).length) {
    const entity = listNames(entityFields(view.spec));
    findings.push(
      wrongValue([...path, 'key'], `FeatureView "${view.name}" needs a key for each of its entity`, entity),
    );
  }
  keys.forEach((from, part) => {
    const at = typeof binding.key === 'string' ? [...path, 'key'] : [...path, 'key', part];
    const key = resolveReference(model, from, earlier, context, at);
    if ('finding' in key) findings.push(key.finding);
    else if (key.type !== null && key.type !== 'string' && key.type !== 'integer' && !from.startsWith('request.'))
      findings.push(wrongValue(at, `"${from}" is a ${key.type}, which cannot be an entity key`));
  });
  return findings;
}

function checkInput(model: Model, input: ModelInput, path: Path, context: CheckContext): Finding[] {
  const bound = model.spec.views.map((binding) => binding.view);
  const from = resolveReference(model, input.from, bound, context, [...path, 'from']);
  if ('finding' in from) return [from.finding];
  if (from.type === null) return [];
  const isNumeric = aggregatedTypes.some((type) => type === from.type);
  if (input.type === 'number' ? isNumeric : from.type === 'string') return [];
  const fitting = isNumeric ? 'number' : from.type === 'string' ? 'category' : 'inputs from numbers or strings';
  return [
    wrongValue([...path, 'type'], `"${input.from}" is a ${from.type}, which cannot be a ${input.type} input`, fitting),
  ];
}

/** The type of what `request.<field>`, `<view>.<feature>` or `onDemand.<name>` names; type null when something else that is wrong hides it. */
function resolveReference(
  model: Model,
  reference: string,
  views: readonly string[],
  context: CheckContext,
  path: Path,
): { readonly type: string | null } | { readonly finding: Finding } {
  const dot = reference.indexOf('.');
  const owner = reference.slice(0, dot);
  const name = reference.slice(dot + 1);
  if (owner === 'request') {
    const field = model.spec.request.find((other) => other.name === name);
    if (field !== undefined) return { type: field.type };
    const known = model.spec.request.map((other) => `request.${other.name}`);
    return { finding: unknownName(path, `the request has no field "${name}"`, reference, known) };
  }
  if (owner === 'onDemand' && path[1] === 'inputs') {
    const computed = onDemandOf(model, context);
    const found = computed.find((feature) => feature.name === name);
    // A boolean is 1 or 0.
    if (found !== undefined) return { type: found.type === 'string' ? 'string' : 'number' };
    const known = computed.map((feature) => `onDemand.${feature.name}`);
    return { finding: unknownName(path, `there is no on-demand feature "${name}"`, reference, known) };
  }
  if (!views.includes(owner)) {
    const message = `"${owner}" is neither request nor a view that is bound ${path[1] === 'views' ? 'earlier' : 'in views'}`;
    return { finding: unknownName(path, message, owner, ['request', ...views]) };
  }
  const view = context.resolve('FeatureView', owner, path);
  if (view === null || !isFound(view)) return { type: null };
  const types = viewTypes(view, context);
  const type = types.get(name);
  if (type !== undefined) return { type };
  const known = [...types.keys()].map((feature) => `${owner}.${feature}`);
  const finding = unknownName(path, `FeatureView "${owner}" has no feature "${name}"`, reference, known);
  return { finding: known.length > 0 ? finding : { ...finding, allowed: listNames(known) } };
}
