import type { registry, SplitSpec } from '@everloop/contracts';

/** Names of what a version's `parameters` say beside the recipe's own. */
export const versionKeys = { split: 'split', inputs: 'inputs', recipe: 'recipe', held: 'held' } as const;

/** Name of the metric with the labelled rows that were there when the training was decided. */
export const labelledRowsMetric = 'labelled_rows';

/**
 * The version to beat: the one in production, or while none is, the newest approved one (it is about to be rolled out). Versions come in
 * the order of their registration.
 */
export function championOf(versions: readonly registry.ModelVersion[], jobId: string): registry.ModelVersion | null {
  const others = versions.filter((version) => version.jobId !== jobId);
  const inProduction = others.findLast((version) => version.stage === 'production');
  return inProduction ?? others.findLast((version) => version.stage === 'approved') ?? null;
}

/** The split that a version was trained with; null when it does not say. */
export function splitOfVersion(version: registry.ModelVersion): SplitSpec | null {
  const text = version.parameters[versionKeys.split];
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as SplitSpec;
  } catch {
    return null;
  }
}

/** The inputs that a version wants, numbers and categories each in their order; null when it does not say. */
export function inputsOfVersion(
  version: registry.ModelVersion,
): readonly { readonly name: string; readonly type: 'number' | 'category' }[] | null {
  const text = version.parameters[versionKeys.inputs];
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as readonly { name: string; type: 'number' | 'category' }[];
  } catch {
    return null;
  }
}
