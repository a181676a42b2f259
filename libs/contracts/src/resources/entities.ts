import type { FeatureViewSpec, ViewBinding } from './types.ts';

/** The fields that together are the key of a view's entity, in order. */
export function entityFields(spec: Pick<FeatureViewSpec, 'entity'>): readonly string[] {
  return typeof spec.entity === 'string' ? [spec.entity] : spec.entity;
}

/** Where each field of an entity's key comes from, in order. */
export function bindingKeys(binding: Pick<ViewBinding, 'key'>): readonly string[] {
  return typeof binding.key === 'string' ? [binding.key] : binding.key;
}
