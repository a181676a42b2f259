import type { inference } from '@everloop/contracts';

/** Keys of a sticky route, in parameters and in metadata or headers alike; ours first. */
export const routeKeys = ['x-everloop-route', 'x-seldon-route'] as const;
/** Metadata key or header of the unit that the draw is made for; the parameter is `unit_id`. */
const unitKey = 'x-everloop-unit';

/** Headers, and the parameters that say the same. */
const headerParameters = [...routeKeys.map((key) => [key, key] as const), [unitKey, 'unit_id'] as const];

/** Longest token that is read, characters: room for many nested routes of another gateway. */
const tokenCharsMax = 1_024;

/**
 * The token of a version, which a client sends back to stay with it: `:<model>_<version>:`, the form of Seldon Core 2.
 *
 * @example routeToken('delay', '2') === ':delay_2:'
 */
export function routeToken(model: string, version: string): string {
  return `:${model}_${version}:`;
}

/**
 * The version that a token names for a model, or empty: tokens of several models may stand one behind the other, the last for the
 * model counts.
 *
 * @example versionInToken(':iris_1::delay_2:', 'delay') === '2'
 */
export function versionInToken(token: string, model: string): string {
  if (token.length > tokenCharsMax) return '';
  const prefix = `${model}_`;
  const named = token
    .split(':')
    .findLast((part) => part.startsWith(prefix) && !part.slice(prefix.length).includes('_'));
  return named?.slice(prefix.length) ?? '';
}

/** The version of a request's sticky route, or empty. */
export function stickyVersion({ modelName, parameters }: inference.ModelInferRequest): string {
  for (const key of routeKeys) {
    const choice = parameters[key]?.parameterChoice;
    const version = choice?.$case === 'stringParam' ? versionInToken(choice.value, modelName) : '';
    if (version !== '') return version;
  }
  return '';
}

/** The request with what its metadata or headers say about routing as parameters; a parameter that is there already counts more. */
export function withRouteHeaders(
  request: inference.ModelInferRequest,
  header: (key: string) => string | undefined,
): inference.ModelInferRequest {
  let parameters = request.parameters;
  for (let index = 0; index < headerParameters.length; index += 1) {
    const [key, parameter] = headerParameters[index] ?? ['', ''];
    const value = header(key);
    if (value === undefined || value === '' || parameters[parameter] !== undefined) continue;
    parameters = { ...parameters, [parameter]: { parameterChoice: { $case: 'stringParam', value } } };
  }
  return parameters === request.parameters ? request : { ...request, parameters };
}

/** The same for a request whose route and unit are fields of it. Of several tokens the last counts, so ours is behind. */
export function withRouteFields<T extends { readonly route: string; readonly unit: string }>(
  request: T,
  header: (key: string) => string | undefined,
): T {
  const tokens = request.route === '' ? routeKeys.toReversed().map((key) => header(key) ?? '') : [request.route];
  const route = tokens.join('');
  const unit = request.unit === '' ? (header(unitKey) ?? '') : request.unit;
  return route === request.route && unit === request.unit ? request : { ...request, route, unit };
}
