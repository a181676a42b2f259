import {
  resolveService,
  serviceFeatures,
  type FeatureServiceSpec,
  type ModelInput,
  type ModelSpec,
  type RequestField,
  type ViewBinding,
} from '@everloop/contracts';
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
  return planLookup(askedFor(names, catalog), catalog);
}

/** `<name>@<version>` of a service that is asked for by name (the newest version) or exactly. EVL_FEATURES_SERVICE_NOT_FOUND. */
export function serviceNamed(asked: string, catalog: Catalog): string {
  const names = catalog.services?.keys() ?? [];
  const found = resolveService(asked, names);
  if (found === undefined) throw errors.featureServiceNotFound(asked);
  return found;
}

/**
 * A plan for all features of a FeatureService, `<name>@<version>`, in its order: `<view>.<feature>`, then `onDemand.<name>`. Rows carry the
 * entity fields of its views and its request fields.
 */
export function planService(name: string, catalog: Catalog): LookupPlan {
  const service = catalog.services?.get(name);
  if (service === undefined) throw errors.featureServiceNotFound(name);
  const features = serviceFeatures(service, catalog.views).map(([view, feature]) => `${view}.${feature}`);
  const { request, views, inputs } = askedFor(features, catalog);
  return planLookup(
    {
      ...{ request: [...request, ...missingFields(service, request)], views, onDemand: service.onDemand },
      inputs: [
        ...inputs,
        ...service.onDemand.map(({ name: feature, type }): ModelInput => ({
          ...{
            name: `onDemand.${feature}`,
            type: type === 'string' ? 'category' : 'number',
            from: `onDemand.${feature}`,
          },
        })),
      ],
    },
    catalog,
  );
}

/** The request fields of a service that are not entity fields of its views already. */
function missingFields(service: FeatureServiceSpec, known: readonly RequestField[]): RequestField[] {
  return service.request.filter((field) => {
    const other = known.find(({ name }) => name === field.name);
    if (other !== undefined && other.type !== field.type)
      throw errors.requestInvalid(`"${field.name}" is a ${field.type} for the service and a ${other.type} for a view`);
    return other === undefined;
  });
}

function askedFor(names: readonly string[], catalog: Catalog): Pick<ModelSpec, 'request' | 'views' | 'inputs'> {
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
  return { request: [...request.values()], views: [...views.values()], inputs };
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
