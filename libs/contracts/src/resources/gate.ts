import { askedFields } from './actions.ts';
import type { GatePolicy, ModelSpec, GatedField } from './types.ts';

const rejectAll: GatePolicy = { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen: 'reject' };

/** What the gate of a model does with bad values of one request field. A prediction without its join key could never be judged: that one is always refused. */
export function gatePolicy(spec: Pick<ModelSpec, 'joinKey' | 'gate'>, field: GatedField): GatePolicy {
  if (field.name === spec.joinKey) return rejectAll;
  return { ...rejectAll, ...spec.gate, ...field.gate };
}

/** The fields of a request whose values are those that the serving version was trained with; each is a category input of the model. */
export function trainedFields(spec: Pick<ModelSpec, 'choose' | 'inputs' | 'request'>): readonly GatedField[] {
  return askedFields(spec).filter(({ values }) => values === 'training');
}

/**
 * Why a value is not in the range or the set of a field; null where it is, and where only a version can say so. The value is of the field's
 * type, and finite.
 */
export function valueProblem(
  { min = -Infinity, max = Infinity, values }: Pick<GatedField, 'min' | 'max' | 'values'>,
  value: string | number,
): 'outOfRange' | 'unseen' | null {
  if (typeof value === 'number' && (value < min || value > max)) return 'outOfRange';
  return values === undefined || values === 'training' || values.includes(value) ? null : 'unseen';
}
