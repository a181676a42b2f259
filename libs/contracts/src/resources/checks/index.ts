import type { Finding } from '../../errors.ts';
import type { Kind, TypedResource } from '../types.ts';
import { createContext, type CheckContext } from './context.ts';
import { checkEntity } from './entity.ts';
import { checkFeatureService } from './feature-service.ts';
import { checkFeatureView } from './feature-view.ts';
import { checkModel } from './model.ts';
import { checkMonitor, checkTrigger } from './operations.ts';
import { checkRollout } from './rollout.ts';
import { checkSource } from './source.ts';

/** A finding and the resource it is about. */
export interface ResourceFinding {
  readonly resource: TypedResource;
  readonly finding: Finding;
}

/**
 * Everything that resources say about one another and that cannot be: references to what is not there, types that do not fit,
 * contradicting numbers. `declared` are resources that exist but could not be read themselves; references to them are let pass.
 * Paths are those of the YAML form.
 */
export function checkResources(
  resources: readonly TypedResource[],
  declared: readonly { readonly kind: Kind; readonly name: string }[] = [],
): ResourceFinding[] {
  const context = createContext(resources, declared);
  return resources.flatMap((resource) => check(resource, context).map((finding) => ({ resource, finding })));
}

function check(resource: TypedResource, context: CheckContext): Finding[] {
  switch (resource.kind) {
    case 'Source':
      return checkSource(resource, context);
    case 'Entity':
      return checkEntity(resource);
    case 'FeatureView':
      return checkFeatureView(resource, context);
    case 'FeatureService':
      return checkFeatureService(resource, context);
    case 'Model':
      return checkModel(resource, context);
    case 'Monitor':
      return checkMonitor(resource, context);
    case 'Rollout':
      return checkRollout(resource, context);
    case 'Trigger':
      return checkTrigger(resource, context);
  }
}
