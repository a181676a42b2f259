import type { inference } from '@everloop/contracts';
import { encodeRaw, encodeTyped } from './datatypes.ts';
import { textParameter } from './parameters.ts';

type Parameters = inference.ModelInferRequest['parameters'];

function flag(parameters: Parameters, name: string): boolean | null {
  const choice = parameters[name]?.parameterChoice;
  return choice?.$case === 'boolParam' ? choice.value : null;
}

/**
 * Whether the answer is raw: an output's `binary_data` decides, else the request's `binary_data_output`, else the answer has the form of the
 * request. Raw is for all outputs or for none.
 */
function wantsRaw(request: Pick<inference.ModelInferRequest, 'outputs' | 'parameters' | 'rawInputContents'>): boolean {
  for (const output of request.outputs) {
    const asked = flag(output.parameters, 'binary_data');
    if (asked !== null) return asked;
  }
  return flag(request.parameters, 'binary_data_output') ?? request.rawInputContents.length > 0;
}

/** The outputs that may be asked for; without the last two nothing is explained. */
export const outputNames: readonly string[] = ['score', 'attributions', 'base_value'];

/** One output before it is encoded. */
export interface Output {
  readonly name: string;
  readonly datatype: 'FP32' | 'FP64';
  readonly shape: readonly number[];
  /** Row-major. */
  readonly elements: readonly number[];
  readonly parameters: Parameters;
}

/** Scores, FP32 `[rows]`. */
export function scoreOutput(scores: ArrayLike<number>): Output {
  return { name: 'score', datatype: 'FP32', shape: [scores.length], elements: Array.from(scores), parameters: {} };
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
    { name: 'attributions', datatype, shape, elements, parameters: { inputs: textParameter(inputs.join(',')) } },
    {
      ...{ name: 'base_value', datatype, shape: [explanations.length], parameters: {} },
      elements: explanations.map(({ base }) => base),
    },
  ];
}

/** Outputs as an answer carries them: those that the request names, or all; typed or raw as it wants. */
export function encodeOutputs(
  outputs: readonly Output[],
  request: Pick<inference.ModelInferRequest, 'outputs' | 'parameters' | 'rawInputContents'>,
): Pick<inference.ModelInferResponse, 'outputs' | 'rawOutputContents'> {
  const isRaw = wantsRaw(request);
  const wanted =
    request.outputs.length === 0
      ? outputs
      : outputs.filter((output) => request.outputs.some(({ name }) => name === output.name));
  return {
    outputs: wanted.map(({ name, datatype, shape, elements, parameters }) => ({
      ...{ name, datatype, shape: shape.map(BigInt), parameters },
      contents: isRaw ? undefined : (encodeTyped(datatype, elements) ?? undefined),
    })),
    rawOutputContents: isRaw ? wanted.map(({ datatype, elements }) => encodeRaw(datatype, elements)) : [],
  };
}
