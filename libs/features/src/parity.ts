import { bindingKeys, type ModelSpec, type serving } from '@everloop/contracts';

/** A value that the model saw and that is another one when it is computed again. */
export interface ParityDifference {
  /** Name of the model's input. */
  readonly feature: string;
  readonly served: serving.FeatureValue | undefined;
  readonly again: serving.FeatureValue | undefined;
}

/** A served prediction as it is needed to compute its inputs again. */
export type ServedInputs = Pick<
  serving.Inference,
  'joinKey' | 'inputNames' | 'inputValues' | 'requestNames' | 'requestValues'
>;

/**
 * Whether a decision is among the `share` (0 to 1) that is looked at. Decision ids are hashes in hex, so the same ones are chosen in every
 * replay and by every replica, spread evenly.
 *
 * @example isSampled('40000000', 0.5) === true
 */
export function isSampled(decisionId: string, share: number): boolean {
  return Number.parseInt(decisionId.slice(0, 8), 16) < Math.min(1, share) * 2 ** 32;
}

/** Request fields that the log has beside the join key and the inputs, in the order of the model's declaration. */
export function requestBesideInputs(model: Pick<ModelSpec, 'request' | 'joinKey' | 'inputs'>): string[] {
  const inputs = new Set(model.inputs.map(({ from }) => from));
  return model.request.flatMap(({ name }) => (name === model.joinKey || inputs.has(`request.${name}`) ? [] : [name]));
}

/** The request as the model saw it, out of what was logged: the join key, the inputs that come from the request, and the other fields. */
export function requestOf(model: ModelSpec, inference: ServedInputs): Record<string, serving.FeatureValue> {
  const isNumber = model.request.some(({ name, type }) => name === model.joinKey && type === 'number');
  const request: Record<string, serving.FeatureValue> = {
    [model.joinKey]: isNumber
      ? { kind: { $case: 'number', value: Number(inference.joinKey) } }
      : { kind: { $case: 'text', value: inference.joinKey } },
  };
  for (const input of model.inputs) {
    if (!input.from.startsWith('request.')) continue;
    const value = inference.inputValues[inference.inputNames.indexOf(input.name)];
    if (value !== undefined) request[input.from.slice('request.'.length)] = value;
  }
  for (const [index, name] of inference.requestNames.entries()) {
    const value = inference.requestValues[index];
    if (value !== undefined) request[name] = value;
  }
  return request;
}

/** Request fields that a view needs as its key and that a logged request does not have: it is older than the field. */
export function unknownKeys(model: ModelSpec, request: Readonly<Record<string, unknown>>): readonly string[] {
  return model.views
    .flatMap((view) => bindingKeys(view))
    .filter((key) => key.startsWith('request.') && !(key.slice('request.'.length) in request));
}

/** Whether a logged request has every field of the model, so that all that is computed on demand can be computed again. */
export function isWholeRequest(model: ModelSpec, request: Readonly<Record<string, unknown>>): boolean {
  return model.request.every(({ name }) => name in request);
}

/** A value for a person. */
export function valueText(value: serving.FeatureValue | undefined): string {
  if (value?.kind === undefined || value.kind.$case === 'missing') return 'missing';
  if (value.kind.$case === 'text') return JSON.stringify(value.kind.value);
  return Object.is(value.kind.value, -0) ? '-0' : String(value.kind.value);
}

/** Equal to the last bit; two missing values are equal. */
export function isSameValue(a: serving.FeatureValue | undefined, b: serving.FeatureValue | undefined): boolean {
  const [x, y] = [a?.kind, b?.kind];
  const isMissing = (kind: typeof x): boolean =>
    kind === undefined || kind.$case === 'missing' || (kind.$case === 'number' && Number.isNaN(kind.value));
  if (isMissing(x) || isMissing(y)) return isMissing(x) && isMissing(y);
  return x?.$case === y?.$case && Object.is(x?.value, y?.value);
}

/** The inputs of a prediction that are other ones when computed again: `values` by `names`. Inputs without a name there are not compared. */
export function differencesOf(
  inference: ServedInputs,
  names: readonly string[],
  values: readonly serving.FeatureValue[],
): readonly ParityDifference[] {
  const differences: ParityDifference[] = [];
  for (const [position, feature] of inference.inputNames.entries()) {
    const at = names.indexOf(feature);
    if (at < 0) continue;
    const [served, again] = [inference.inputValues[position], values[at]];
    if (!isSameValue(served, again)) differences.push({ feature, served, again });
  }
  return differences;
}
