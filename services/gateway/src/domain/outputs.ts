import type { inference } from '@everloop/contracts';
import type { Element } from './datatypes.ts';
import type { AnswerParameter } from './parameters.ts';

type Parameters = inference.ModelInferRequest['parameters'];

function flag(parameters: Parameters, name: string): boolean | null {
  const choice = parameters[name]?.parameterChoice;
  return choice?.$case === 'boolParam' ? choice.value : null;
}

/**
 * Whether the answer is raw: an output's `binary_data` decides, else the request's `binary_data_output`, else the answer has the form of the
 * request. Raw is for all outputs or for none.
 */
export function wantsRaw(
  request: Pick<inference.ModelInferRequest, 'outputs' | 'parameters' | 'rawInputContents'>,
): boolean {
  for (const output of request.outputs) {
    const asked = flag(output.parameters, 'binary_data');
    if (asked !== null) return asked;
  }
  return flag(request.parameters, 'binary_data_output') ?? request.rawInputContents.length > 0;
}

/** What answers have, `[rows]` each. */
export const scoreOutputs = [{ name: 'score', datatype: 'FP32' }] as const;
/** What answers of a model that chooses have: the action, its score, and the probability of version and action together. */
export const actionOutputs = [
  { name: 'action', datatype: 'BYTES' },
  { name: 'score', datatype: 'FP32' },
  { name: 'propensity', datatype: 'FP64' },
] as const;
/** Outputs that are there when something is explained. */
export const explanationNames: readonly string[] = ['attributions', 'base_value'];

/** One output before it is encoded. */
export interface Output {
  readonly name: string;
  readonly datatype: 'FP32' | 'FP64' | 'BYTES';
  readonly shape: readonly number[];
  /** Row-major. */
  readonly elements: ArrayLike<Element>;
  readonly parameters: readonly AnswerParameter[];
}

/** Scores, FP32 `[rows]`. */
export function scoreOutput(scores: ArrayLike<number>): Output {
  return { name: 'score', datatype: 'FP32', shape: [scores.length], elements: scores, parameters: [] };
}

/** Actions, their scores and how probable they were. */
export function actionOutput(
  actions: readonly string[],
  scores: ArrayLike<number>,
  propensities: readonly number[],
): readonly Output[] {
  const elements = {
    action: actions.map((action) => Buffer.from(action)),
    score: scores,
    propensity: propensities,
  };
  return actionOutputs.map(({ name, datatype }) => ({
    ...{ name, datatype, shape: [actions.length], elements: elements[name], parameters: [] },
  }));
}

/** What the inputs contributed, FP64 `[rows, inputs]` with their names as a parameter, and the base they were added to, FP64 `[rows]`. */
export function explanationOutputs(
  inputs: readonly string[],
  explanations: readonly { readonly attributions: Float64Array; readonly base: number }[],
): readonly Output[] {
  const datatype = 'FP64';
  const elements = explanations.flatMap(({ attributions }) => Array.from(attributions));
  const shape = [explanations.length, inputs.length];
  return [
    { name: 'attributions', datatype, shape, elements, parameters: [['inputs', inputs.join(',')]] },
    {
      ...{ name: 'base_value', datatype, shape: [explanations.length], parameters: [] },
      elements: explanations.map(({ base }) => base),
    },
  ];
}

/** Those of the outputs that the request names, or all. */
export function wantedOutputs(
  outputs: readonly Output[],
  { outputs: named }: Pick<inference.ModelInferRequest, 'outputs'>,
): readonly Output[] {
  return named.length === 0 ? outputs : outputs.filter((output) => named.some(({ name }) => name === output.name));
}
