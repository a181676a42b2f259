import type { Finding } from '../../errors.ts';
import { pinnedService } from '../feature-services.ts';
import { celName, celResolver } from '../feature-types.ts';
import type { OnDemandFeature } from '../types.ts';
import type { ResourceOf } from '../wire.ts';
import { type CheckContext, isFound, repeats, unknownName, wrongValue } from './context.ts';
import { checkOnDemand, serviceViews, viewTypes } from './feature-service.ts';

type Model = ResourceOf<'Model'>;

/** The service that a model pins; undefined when it pins none, or one that is not there. */
export function serviceOf({ spec }: Model, context: CheckContext): ResourceOf<'FeatureService'> | undefined {
  const name = pinnedService(spec);
  if (name === null) return undefined;
  const service = context.resolve('FeatureService', name, []);
  return service !== null && isFound(service) ? service : undefined;
}

/** Every on-demand feature that a model may use: its own, and those of its service. */
export function onDemandOf(model: Model, context: CheckContext): readonly OnDemandFeature[] {
  return [...(model.spec.onDemand ?? []), ...(serviceOf(model, context)?.spec.onDemand ?? [])];
}

/** What is wrong with the service that a model pins, and with its on-demand features. */
export function checkModelFeatures(model: Model, context: CheckContext): Finding[] {
  const { spec } = model;
  const name = pinnedService(spec);
  const service = serviceOf(model, context);
  const findings: Finding[] = [];
  if (name !== null && service === undefined) {
    const missing = context.resolve('FeatureService', name, ['spec', 'features', 'version']);
    if (missing !== null && !isFound(missing)) findings.push(missing);
    return findings;
  }
  const offered = service === undefined ? null : serviceViews(service, context);
  const views = spec.views.map(({ view: viewName }) => {
    const view = context.resolve('FeatureView', viewName, []);
    const all = view !== null && isFound(view) ? viewTypes(view, context) : new Map<string, string | null>();
    return { name: viewName, types: offered?.find((each) => each.name === viewName)?.types ?? all };
  });
  for (const { index, key } of repeats(spec.views, ({ view }) => celName(view)))
    findings.push(wrongValue(['spec', 'views', index, 'view'], `two views are written "${key}" in CEL`));
  const resolve = celResolver(spec.request, views);
  findings.push(...checkOnDemand(spec.onDemand ?? [], resolve));
  if (service === undefined || offered === null) return findings;
  const own = new Set((spec.onDemand ?? []).map((feature) => feature.name));
  const used = service.spec.onDemand.filter((feature) =>
    spec.inputs.some(({ from }) => from === `onDemand.${feature.name}`),
  );
  for (const { name: twice } of used.filter((feature) => own.has(feature.name)))
    findings.push(wrongValue(['spec', 'onDemand'], `"${twice}" is an on-demand feature of ${name ?? ''} too`));
  // What the service computes has to be computable from what this model is asked and binds.
  for (const { message } of checkOnDemand(used, resolve))
    findings.push(wrongValue(['spec', 'features'], `of FeatureService "${name ?? ''}": ${message}`));
  return [...findings, ...checkOffered(spec, offered, name ?? '')];
}

/** A model that pins a service uses no other features than the service's; keys of views are not features. */
function checkOffered(spec: Model['spec'], offered: ReturnType<typeof serviceViews>, service: string): Finding[] {
  return spec.inputs.flatMap(({ from }, index) => {
    const dot = from.indexOf('.');
    const owner = from.slice(0, dot);
    if (owner === 'request' || owner === 'onDemand') return [];
    const types = offered.find(({ name }) => name === owner)?.types;
    if (types?.has(from.slice(dot + 1)) === true) return [];
    const known = offered.flatMap(({ name, types: features }) =>
      [...features.keys()].map((feature) => `${name}.${feature}`),
    );
    const message = `FeatureService "${service}" does not have "${from}"`;
    return [unknownName(['spec', 'inputs', index, 'from'], message, from, known)];
  });
}
