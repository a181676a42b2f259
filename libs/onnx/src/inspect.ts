import { ServiceError } from '@everloop/service';
import { checkModel, type ModelSummary } from './check-model.ts';

/**
 * Inputs, outputs and operators of a model, without running it. Linear in the size of the file.
 *
 * @throws ServiceError terminal: `EVL_ONNX_INVALID` (not a whole model), `EVL_ONNX_OPERATOR_REFUSED` (an operator, subgraph or
 * function that is not allowed), `EVL_ONNX_EXTERNAL_DATA`, `EVL_ONNX_TOO_LARGE`.
 */
export function inspectModel(bytes: Uint8Array): ModelSummary {
  const checked = checkModel(bytes);
  if (checked.ok) return checked.summary;
  throw new ServiceError({
    code: checked.code,
    kind: 'terminal',
    message: `The ONNX model is refused: ${checked.message}.`,
  });
}
