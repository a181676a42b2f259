import { ContractError } from '../errors.ts';
import { compileExpression, type CelExpression } from '../on-demand/compile.ts';
import type { CelScalar } from '../on-demand/functions.ts';
import type { ModelSpec, SliceSpec } from './types.ts';

/** Where the value of an expression's name is in the log: an input, or a request field beside the inputs and the join key. */
export type SliceOperand =
  | { readonly in: 'input' | 'request'; readonly name: string }
  /** `isNumber`: the request field is a number. */
  | { readonly in: 'joinKey'; readonly isNumber: boolean };

/** A slice whose expression can be asked. */
export interface CompiledSlice extends SliceSpec {
  /** What `holds` needs, in its order. */
  readonly operands: readonly SliceOperand[];
  /** Whether a prediction with these values (null: missing) is in the slice. Never throws. */
  readonly holds: (values: readonly CelScalar[]) => boolean;
}

type Shape = Pick<ModelSpec, 'request' | 'joinKey' | 'inputs'>;

/**
 * The slices of a Model. `input.<name>` is what the model saw, `request.<field>` what was asked, where the log has it: the join key, fields
 * beside the inputs, and fields that are inputs. Throws ContractError EVL_CEL_INVALID.
 */
export function compileSlices(spec: Shape & Pick<ModelSpec, 'slices'>): readonly CompiledSlice[] {
  return (spec.slices ?? []).map((slice) => compileSlice(spec, slice));
}

/** One slice; see `compileSlices`. */
export function compileSlice(spec: Shape, { name, cel }: SliceSpec): CompiledSlice {
  const expression = compileExpression(cel, ({ owner, name: field }) => {
    if (owner === 'input') {
      const input = spec.inputs.find((other) => other.name === field);
      if (input === undefined) return { problem: `there is no input "${field}"` };
      return input.type === 'number' ? 'number' : 'string';
    }
    if (owner !== 'request') return { problem: `"${owner}" is neither input nor request` };
    return (
      spec.request.find((other) => other.name === field)?.type ?? { problem: `the request has no field "${field}"` }
    );
  });
  if (expression.type !== 'boolean')
    throw new ContractError('EVL_CEL_INVALID', `"${cel}" gives a ${expression.type}, not true or false`);
  return { name, cel, operands: operandsOf(spec, expression), holds: (values) => expression.evaluate(values) === true };
}

function operandsOf(spec: Shape, { references }: CelExpression): readonly SliceOperand[] {
  return references.map(({ owner, name }): SliceOperand => {
    if (owner === 'input') return { in: 'input', name };
    const field = spec.request.find((other) => other.name === name);
    if (name === spec.joinKey) return { in: 'joinKey', isNumber: field?.type === 'number' };
    const input = spec.inputs.find(({ from }) => from === `request.${name}`);
    return input === undefined ? { in: 'request', name } : { in: 'input', name: input.name };
  });
}
