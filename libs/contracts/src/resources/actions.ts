import type { GatedField, ModelSpec } from './types.ts';

/** The request field that a model chooses itself; null where it does not choose. */
export function chosenField(spec: Pick<ModelSpec, 'choose' | 'inputs'>): string | null {
  const { choose } = spec;
  if (choose === undefined) return null;
  const from = spec.inputs.find(({ name }) => name === choose.input)?.from ?? '';
  return from.startsWith('request.') ? from.slice('request.'.length) : null;
}

/** The fields that a request to a model carries: all that its examples have, but the one that it chooses. */
export function askedFields(spec: Pick<ModelSpec, 'choose' | 'inputs' | 'request'>): readonly GatedField[] {
  const chosen = chosenField(spec);
  return chosen === null ? spec.request : spec.request.filter(({ name }) => name !== chosen);
}
