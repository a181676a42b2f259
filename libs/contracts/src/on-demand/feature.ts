import { canonicalJson, sha256Hex } from '../canonical.ts';
import { ContractError } from '../errors.ts';
import type { OnDemandFeature } from '../resources/types.ts';
import { type CelReference, type CelType, compileExpression, type ResolveReference } from './compile.ts';

/** A stored value: booleans are 1 and 0. */
type Scalar = number | string | null;

/** An on-demand feature, ready to compute. */
export interface CompiledOnDemand {
  readonly name: string;
  readonly declared: OnDemandFeature['type'];
  /** How its values are stored. */
  readonly type: 'number' | 'string';
  /** What it is computed from. */
  readonly references: readonly CelReference[];
  /** What decides its values: compiled again over references of these types it is the same. */
  readonly definition: Pick<OnDemandFeature, 'type' | 'cel'> & { readonly types: Readonly<Record<string, CelType>> };
  /** SHA-256 of `definition`, hex. */
  readonly digest: string;
  /** `values` are parallel to `references`, as stored. Never throws; null where it has no value. */
  evaluate(values: readonly Scalar[]): Scalar;
}

/**
 * Compiles an on-demand feature: the one implementation behind serving, history and datasets. An `integer` that is not a whole number of at
 * most 2^53 is null. Throws ContractError EVL_CEL_INVALID when the expression is wrong or gives another type.
 */
export function compileOnDemand(
  feature: Pick<OnDemandFeature, 'name' | 'type' | 'cel'>,
  resolve: ResolveReference,
): CompiledOnDemand {
  const { name, type, cel } = feature;
  const types = new Map<string, CelType>();
  const expression = compileExpression(cel, (reference) => {
    const found = resolve(reference);
    if (typeof found === 'string') types.set(`${reference.owner}.${reference.name}`, found);
    return found;
  });
  const wanted = type === 'integer' ? 'number' : type;
  if (expression.type !== wanted)
    throw new ContractError('EVL_CEL_INVALID', `on-demand feature "${name}" gives a ${expression.type}, not a ${type}`);
  const { references } = expression;
  const definition = { type, cel, types: Object.fromEntries(types) };
  const isBoolean = references.map(({ owner, name: field }) => types.get(`${owner}.${field}`) === 'boolean');
  return {
    ...{ name, references, declared: type },
    type: type === 'string' ? 'string' : 'number',
    definition,
    digest: sha256Hex(canonicalJson(definition)),
    evaluate(values) {
      const given = values.map((value, index) => (isBoolean[index] === true && value !== null ? value !== 0 : value));
      const result = expression.evaluate(given);
      if (typeof result === 'boolean') return Number(result);
      return type === 'integer' && !Number.isSafeInteger(result) ? null : result;
    },
  };
}
