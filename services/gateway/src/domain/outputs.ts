import type { inference } from '@everloop/contracts';
import { encodeRaw, encodeTyped } from './datatypes.ts';

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

/** The outputs of an answer. Scores are FP32 `[rows]`. */
export function scoreOutput(
  scores: ArrayLike<number>,
  isRaw: boolean,
): Pick<inference.ModelInferResponse, 'outputs' | 'rawOutputContents'> {
  const elements = Array.from(scores);
  const contents = isRaw ? undefined : (encodeTyped('FP32', elements) ?? undefined);
  return {
    outputs: [{ name: 'score', datatype: 'FP32', shape: [BigInt(elements.length)], parameters: {}, contents }],
    rawOutputContents: isRaw ? [encodeRaw('FP32', elements)] : [],
  };
}
