import { type CompiledSlice, type serving, type SliceOperand } from '@everloop/contracts';

type Value = string | number | null;

function valueOf(value: serving.FeatureValue | undefined): Value {
  return value?.kind === undefined || value.kind.$case === 'missing' ? null : value.kind.value;
}

function read(inference: serving.Inference, operand: SliceOperand): Value {
  const { inputNames, inputValues, requestNames, requestValues, joinKey } = inference;
  switch (operand.in) {
    case 'input':
      return valueOf(inputValues[inputNames.indexOf(operand.name)]);
    case 'request':
      return valueOf(requestValues[requestNames.indexOf(operand.name)]);
    case 'joinKey':
      return operand.isNumber ? Number(joinKey) : joinKey;
  }
}

/** Names of the slices that a prediction is in, in their order. O(slices × (operands × names + parts of the expression)). */
export function slicesOf(slices: readonly CompiledSlice[], inference: serving.Inference): readonly string[] {
  return slices
    .filter(({ operands, holds }) => holds(operands.map((operand) => read(inference, operand))))
    .map(({ name }) => name);
}
