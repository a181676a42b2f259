import type { RequestField } from '@everloop/contracts';
import type { PackedTensors } from './tensors.ts';

/**
 * Tensors in which a client may send all request fields of a type at once, as `[n, fields]` in the order of their declaration: `numeric`
 * and `text`. A field of that name comes first: then there is no such tensor; nor for fewer than two fields.
 */
export function packedTensors(request: readonly RequestField[]): PackedTensors {
  const names = new Map<string, readonly string[]>();
  for (const [tensor, type] of [
    ['numeric', 'number'],
    ['text', 'string'],
  ] as const) {
    const fields = request.filter((field) => field.type === type).map(({ name }) => name);
    if (fields.length > 1 && request.every(({ name }) => name !== tensor)) names.set(tensor, fields);
  }
  return names;
}
