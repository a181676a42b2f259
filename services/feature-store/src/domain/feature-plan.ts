import type { ModelInput, ModelSpec, RequestField, ViewBinding } from '@everloop/contracts';
import {
  compileFromCatalog,
  planLookup,
  storageType,
  type Catalog,
  type CompiledView,
  type LookupPlan,
} from '@everloop/features';

import { errors } from '../errors.ts';

/** Most features of one question that names them itself. */
const featuresMax = 1_000;

/**
 * A plan for features that no Model binds: each is named `<view>.<feature>`, and the rows carry the entity fields of the views by their own
 * names. Its inputs have the features' full names. EVL_FEATURES_REQUEST_INVALID and the codes of the definitions name what is wrong.
 */
export function planFeatures(names: readonly string[], catalog: Catalog): LookupPlan {
  if (names.length === 0 || names.length > featuresMax)
    throw errors.requestInvalid(`Give a model, or from 1 to ${featuresMax} features as <view>.<feature>`);
  const request = new Map<string, RequestField>();
  const views = new Map<string, ViewBinding>();
  const inputs: ModelInput[] = [];
  for (const name of new Set(names)) {
    const [viewName = '', feature = ''] = split(name);
    const view = compileFromCatalog(viewName, catalog);
    for (const { name: field, type } of entityFields(view)) {
      const known = request.get(field);
      if (known !== undefined && known.type !== type)
        throw errors.requestInvalid(
          `"${field}" is a ${known.type} for one view and a ${type} for ${viewName}; ask twice`,
        );
      request.set(field, { name: field, type });
    }
    views.set(viewName, bindingOf(view));
    const found = view.features.find((each) => each.name === feature);
    inputs.push({ name, type: found?.type === 'string' ? 'category' : 'number', from: name });
  }
  const asked: Pick<ModelSpec, 'request' | 'views' | 'inputs'> = {
    request: [...request.values()],
    views: [...views.values()],
    inputs,
  };
  return planLookup(asked, catalog);
}

/** The fields that say which entity a view's row belongs to. */
export function entityFields(view: CompiledView): readonly RequestField[] {
  return view.entity.map(({ name, type }) => ({ name, type: storageType(type) }));
}

function bindingOf(view: CompiledView): ViewBinding {
  return { view: view.name, key: view.entity.map(({ name }) => `request.${name}`) };
}

function split(name: string): readonly string[] {
  const dot = name.indexOf('.');
  if (dot <= 0 || dot === name.length - 1) throw errors.requestInvalid(`"${name}" is no <view>.<feature>`);
  return [name.slice(0, dot), name.slice(dot + 1)];
}
