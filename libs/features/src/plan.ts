import { bindingKeys, celName, type CompiledOnDemand, type ModelSpec } from '@everloop/contracts';

import { FeatureError } from './error.ts';
import { keyPartition } from './murmur2.ts';
import { onDemandFeatures } from './on-demand.ts';
import { entityKey, storageType, type FeatureScalar } from './values.ts';
import { compileFromCatalog, type Catalog, type CompiledView } from './views.ts';

export type KeyOrigin =
  | { readonly kind: 'request'; readonly field: string }
  | { readonly kind: 'view'; readonly binding: number; readonly feature: number };

/** Where an input's value comes from; what is computed on demand, from others. */
export type InputOrigin =
  | KeyOrigin
  | {
      readonly kind: 'onDemand';
      readonly feature: CompiledOnDemand;
      /** Parallel to the feature's references, as are the types that they are stored as. */
      readonly from: readonly KeyOrigin[];
      readonly takes: readonly ('number' | 'string')[];
    };

/** A view that a model reads, and where its entity's key comes from. */
export interface PlannedView {
  readonly view: CompiledView;
  /** One for each field of the view's entity. */
  readonly keys: readonly KeyOrigin[];
  /** 0 when all keys are request fields, else one more than the latest phase of the views that they come from. */
  readonly phase: number;
  /** Indexes of the view's features that inputs or keys need. */
  readonly wanted: readonly number[];
}

export interface PlannedInput {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** Whether it is the JSON text of a list. */
  readonly list: boolean;
  readonly origin: InputOrigin;
}

/** How a model's inputs are found; made once per model revision. */
export interface LookupPlan {
  readonly names: readonly string[];
  readonly inputs: readonly PlannedInput[];
  readonly bindings: readonly PlannedView[];
  /** Indexes of bindings by phase; the keys of one phase are read together. */
  readonly phases: readonly (readonly number[])[];
}

/** What decides a plan: a Model, or a question that binds views itself. */
type Asked = Pick<ModelSpec, 'request' | 'views' | 'inputs' | 'features' | 'onDemand'>;

function invalid(message: string): FeatureError {
  return new FeatureError('EVL_FEATURES_PLAN_INVALID', message);
}

function split(path: string, what: string): readonly [string, string] {
  const dot = path.indexOf('.');
  if (dot <= 0 || dot === path.length - 1) {
    throw invalid(`${what}: "${path}" must be request.<field> or <view>.<feature>`);
  }
  return [path.slice(0, dot), path.slice(dot + 1)];
}

/** Finds what a path such as `request.origin` or `weather.wind_speed` means. */
function originOf(path: string, what: string, model: Asked, views: readonly CompiledView[]): KeyOrigin {
  const [head, tail] = split(path, what);
  if (head === 'request') {
    if (!model.request.some((field) => field.name === tail)) {
      throw invalid(
        `${what}: the model has no request field "${tail}"; it has ${model.request.map((f) => f.name).join(', ')}`,
      );
    }
    return { kind: 'request', field: tail };
  }
  const binding = views.findIndex((view) => view.name === head);
  const view = views[binding];
  if (view === undefined)
    throw invalid(`${what}: the view "${head}" is not bound (before it is used) in the model's views`);
  const feature = view.features.findIndex((candidate) => candidate.name === tail);
  if (feature < 0) {
    const names = view.features.map((candidate) => candidate.name).join(', ');
    throw invalid(`${what}: the view "${head}" has no feature "${tail}"; it has ${names}`);
  }
  return { kind: 'view', binding, feature };
}

/** What an input is, with everything that it is computed from. */
function inputOrigin(
  path: string,
  what: string,
  model: Asked,
  views: readonly CompiledView[],
  computed: (name: string) => CompiledOnDemand | undefined,
): InputOrigin {
  const [head, tail] = split(path, what);
  if (head !== 'onDemand') return originOf(path, what, model, views);
  const feature = computed(tail);
  if (feature === undefined)
    throw invalid(`${what}: there is no on-demand feature "${tail}", of the model or of the service that it pins`);
  const from = feature.references.map(({ owner, name }) => {
    const view = views.find((candidate) => celName(candidate.name) === owner);
    return originOf(`${view?.name ?? owner}.${name}`, `On-demand feature ${tail}`, model, views);
  });
  const takes = from.map((origin) =>
    origin.kind === 'request'
      ? (model.request.find(({ name }) => name === origin.field)?.type ?? 'string')
      : (views[origin.binding]?.features[origin.feature]?.type ?? 'number'),
  );
  return { kind: 'onDemand', feature, from, takes };
}

/** The request fields and features that an origin reads. */
export function readBy(origin: InputOrigin): readonly KeyOrigin[] {
  return origin.kind === 'onDemand' ? origin.from : [origin];
}

function checkKeyType(
  view: CompiledView,
  part: number,
  origin: KeyOrigin,
  model: Asked,
  views: readonly CompiledView[],
): void {
  const given =
    origin.kind === 'request'
      ? model.request.find((field) => field.name === origin.field)?.type
      : views[origin.binding]?.features[origin.feature]?.type;
  const field = view.entity[part];
  if (origin.kind === 'view' && views[origin.binding]?.features[origin.feature]?.list === true)
    throw invalid(`Key of view ${view.name}: a list of values is no key`);
  const needed = field === undefined ? 'missing value' : storageType(field.type);
  if (given !== needed)
    throw invalid(
      `Key of view ${view.name}: it is a ${given ?? 'missing value'}, the entity's ${field?.name ?? ''} is a ${needed}`,
    );
}

function phasesOf(views: readonly { readonly phase: number }[]): number[][] {
  const phases: number[][] = [];
  views.forEach((view, index) => (phases[view.phase] ??= []).push(index));
  return phases;
}

/**
 * Works out how to find a model's inputs. EVL_FEATURES_PLAN_INVALID and the codes of `compileView` name what does not fit together:
 * an unknown field, view or feature, a view used before it is bound, a key of another type than the entity.
 */
export function planLookup(model: Asked, catalog: Catalog): LookupPlan {
  const views: CompiledView[] = [];
  const bound: { readonly keys: readonly KeyOrigin[]; readonly phase: number }[] = [];
  for (const binding of model.views) {
    const view = compileFromCatalog(binding.view, catalog);
    const paths = bindingKeys(binding);
    if (paths.length !== view.entity.length) {
      const fields = view.entity.map(({ name }) => name).join(', ');
      throw invalid(`Key of view ${view.name}: it has ${paths.length} parts, the entity has ${fields}`);
    }
    const keys = paths.map((path) => originOf(path, `Key of view ${binding.view}`, model, views));
    keys.forEach((key, part) => checkKeyType(view, part, key, model, views));
    const phases = keys.map((key) => (key.kind === 'request' ? 0 : (bound[key.binding]?.phase ?? 0) + 1));
    bound.push({ keys, phase: Math.max(...phases) });
    views.push(view);
  }
  const computed = onDemandFeatures(model, catalog);
  const inputs = model.inputs.map((input): PlannedInput => {
    const origin = inputOrigin(input.from, `Input ${input.name}`, model, views, computed);
    const isList = origin.kind === 'view' && views[origin.binding]?.features[origin.feature]?.list === true;
    return { name: input.name, type: input.type, list: isList, origin };
  });
  const wanted = views.map(() => new Set<number>());
  for (const origin of [...inputs.flatMap((input) => readBy(input.origin)), ...bound.flatMap(({ keys }) => keys)]) {
    if (origin.kind === 'view') wanted[origin.binding]?.add(origin.feature);
  }
  const bindings = views.map((view, index) => ({
    view,
    keys: bound[index]?.keys ?? [],
    phase: bound[index]?.phase ?? 0,
    wanted: [...(wanted[index] ?? [])].sort((a, b) => a - b),
  }));
  return { names: inputs.map((input) => input.name), inputs, bindings, phases: phasesOf(bindings) };
}

/**
 * Adds the keys of all online rows of an entity, in order of partitions; only one where `kafkaKey`, the part of its key that is the Kafka
 * key, says the partition. The entity's key is `entityKey` of its parts.
 */
export function addRowKeys(view: CompiledView, key: string, kafkaKey: string, to: string[]): void {
  const { rowPrefixes } = view;
  if (view.keyIndex < 0) for (const prefix of rowPrefixes) to.push(prefix + key);
  else to.push((rowPrefixes[keyPartition(kafkaKey, view.partitions)] ?? '') + key);
}

/** Keys of all online rows of an entity, by the parts of its key; see `addRowKeys`. None when a part is missing. */
export function rowKeys(view: CompiledView, ...parts: readonly (FeatureScalar | undefined)[]): string[] {
  const key = entityKey(parts);
  const keys: string[] = [];
  if (key !== null) addRowKeys(view, key, String(parts[view.keyIndex]), keys);
  return keys;
}
