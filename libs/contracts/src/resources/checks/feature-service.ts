import { ContractError, type Finding } from '../../errors.ts';
import { compileOnDemand } from '../../on-demand/feature.ts';
import type { ResolveReference } from '../../on-demand/compile.ts';
import { serviceFeatures } from '../feature-services.ts';
import { celName, celResolver, featureTypes, type NameableView } from '../feature-types.ts';
import type { OnDemandFeature } from '../types.ts';
import { ofKind, type ResourceOf } from '../wire.ts';
import { type CheckContext, isFound, repeats, unknownName, wrongValue } from './context.ts';

type Service = ResourceOf<'FeatureService'>;

/** What is wrong with a FeatureService: its views, their features, and what is computed from them. */
export function checkFeatureService(service: Service, context: CheckContext): Finding[] {
  const { spec } = service;
  const at = ['spec', 'features'];
  const findings = [
    ...repeats(spec.features, ({ view }) => view).map(({ index, key }) =>
      wrongValue([...at, index, 'view'], `view "${key}" is named twice`),
    ),
    ...repeats(spec.features, ({ view }) => celName(view)).map(({ index, key }) =>
      wrongValue([...at, index, 'view'], `two views are written "${key}" in CEL`),
    ),
    ...repeats(spec.request, ({ name }) => name).map(({ index, key }) =>
      wrongValue(['spec', 'request', index, 'name'], `there are two request fields "${key}"`),
    ),
  ];
  spec.features.forEach(({ view: name, features }, index) => {
    const view = context.resolve('FeatureView', name, [...at, index, 'view']);
    if (view === null) return;
    if (!isFound(view)) return findings.push(view);
    const known = [...viewTypes(view, context).keys()];
    features.forEach((feature, place) => {
      if (!known.includes(feature))
        findings.push(
          unknownName(
            [...at, index, 'features', place],
            `FeatureView "${name}" has no feature "${feature}"`,
            feature,
            known,
          ),
        );
    });
    return undefined;
  });
  if (findings.length > 0) return findings;
  return checkOnDemand(spec.onDemand, celResolver(spec.request, serviceViews(service, context)));
}

/** What is wrong with on-demand features: names, expressions, types. */
export function checkOnDemand(features: readonly OnDemandFeature[], resolve: ResolveReference): Finding[] {
  const path = ['spec', 'onDemand'];
  const repeated = repeats(features, ({ name }) => name).map(({ index, key }) =>
    wrongValue([...path, index, 'name'], `there are two on-demand features "${key}"`),
  );
  const wrong = features.flatMap((feature, index) => {
    try {
      compileOnDemand(feature, resolve);
      return [];
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      return [wrongValue([...path, index, 'cel'], error.message)];
    }
  });
  return [...repeated, ...wrong];
}

/** The views of a service with its features of each. */
export function serviceViews({ spec }: Service, context: CheckContext): NameableView[] {
  const views = new Map(ofKind(context.resources, 'FeatureView').map((view) => [view.name, view]));
  const used = serviceFeatures(spec, new Map([...views].map(([name, view]) => [name, view.spec])));
  return spec.features.map(({ view: name }) => {
    const view = views.get(name);
    const types = view === undefined ? new Map<string, string | null>() : viewTypes(view, context);
    const features = used.flatMap(([viewName, feature]) => (viewName === name ? [feature] : []));
    return { name, types: new Map(features.map((feature) => [feature, types.get(feature) ?? null])) };
  });
}

/** Name and type of each feature of a view. */
export function viewTypes(view: ResourceOf<'FeatureView'>, context: CheckContext): Map<string, string | null> {
  const source = context.resolve('Source', view.spec.source, []);
  return featureTypes(view.spec, source !== null && isFound(source) ? source.spec.fields : undefined);
}
