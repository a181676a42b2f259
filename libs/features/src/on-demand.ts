import {
  celResolver,
  compileOnDemand,
  ContractError,
  featureTypes,
  pinnedService,
  type CompiledOnDemand,
  type ModelSpec,
} from '@everloop/contracts';

import { FeatureError } from './error.ts';
import type { Catalog } from './views.ts';

/**
 * The on-demand features that a question may use, by name: its own, and those of the service that it pins. Each is compiled when it is
 * asked for. EVL_FEATURES_PLAN_INVALID when the service is not there or an expression does not fit.
 */
export function onDemandFeatures(
  asked: Pick<ModelSpec, 'request' | 'views' | 'features' | 'onDemand'>,
  catalog: Catalog,
): (name: string) => CompiledOnDemand | undefined {
  const pinned = pinnedService(asked);
  const service = pinned === null ? undefined : catalog.services?.get(pinned);
  if (pinned !== null && service === undefined)
    throw new FeatureError('EVL_FEATURES_PLAN_INVALID', `There is no FeatureService "${pinned}": apply it`);
  const declared = [...(asked.onDemand ?? []), ...(service?.onDemand ?? [])];
  const views = asked.views.map(({ view: name }) => {
    const view = catalog.views.get(name);
    const fields = catalog.sources.get(view?.source ?? '')?.fields;
    return { name, types: view === undefined ? new Map<string, string>() : featureTypes(view, fields) };
  });
  return (name) => {
    const feature = declared.find((each) => each.name === name);
    if (feature === undefined) return undefined;
    try {
      return compileOnDemand(feature, celResolver(asked.request, views));
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      throw new FeatureError('EVL_FEATURES_PLAN_INVALID', error.message);
    }
  };
}
