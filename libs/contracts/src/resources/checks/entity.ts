import type { Finding } from '../../errors.ts';
import { listNames } from '../../suggest.ts';
import { entityFields } from '../entities.ts';
import type { SourceSpec } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { type CheckContext, isFound, repeats, unknownName, wrongValue } from './context.ts';

/** What is wrong with an Entity in itself. */
export function checkEntity({ spec }: ResourceOf<'Entity'>): Finding[] {
  return repeats(spec.keys, (key) => key.name).map(({ index, key }) =>
    wrongValue(['spec', 'keys', index, 'name'], `there are two join keys named "${key}"`),
  );
}

/** Whether a view's entity is the one that it says it is: the same fields in the same order, of the same types. */
export function checkEntityRef(
  { spec }: ResourceOf<'FeatureView'>,
  source: { readonly name: string; readonly spec: SourceSpec },
  context: CheckContext,
): Finding[] {
  if (spec.entityRef === undefined) return [];
  const entity = context.resolve('Entity', spec.entityRef, ['spec', 'entityRef']);
  if (entity === null) return [];
  if (!isFound(entity)) return [entity];
  const fields = entityFields(spec);
  const keys = entity.spec.keys;
  const names = keys.map(({ name }) => name);
  if (fields.length !== keys.length) {
    const message = `Entity "${entity.name}" has ${keys.length} join keys, not ${fields.length}`;
    return [wrongValue(['spec', 'entity'], message, listNames(names))];
  }
  return fields.flatMap((field, index): Finding[] => {
    const path = typeof spec.entity === 'string' ? ['spec', 'entity'] : ['spec', 'entity', index];
    const key = keys[index];
    if (key === undefined || key.name !== field)
      return [unknownName(path, `join key ${index + 1} of Entity "${entity.name}" is not "${field}"`, field, names)];
    const type = source.spec.fields[field]?.type;
    if (type === undefined || type === key.type) return [];
    const message = `"${field}" of Source "${source.name}" is a ${type}, and a ${key.type} in Entity "${entity.name}"`;
    return [wrongValue(path, message)];
  });
}
