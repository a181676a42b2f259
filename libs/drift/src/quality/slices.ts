import type { PerformanceSpec } from '@everloop/contracts';

/**
 * What windows of all predictions (slice "") or of one slice are judged by, where `slices` of them are judged beside all. The error rate of the
 * Monitor, 1 - `confidence`, holds for everything that is judged of a version together, all its windows and all its slices: half of it is for all
 * predictions, the other half for the slices in equal parts. Slices overlap each other and are part of all, so nothing less than
 * the sum of the parts bounds it whatever they have in common (Bonferroni); Benjamini-Hochberg would bound the share of false ones among those
 * that are found in a window, which does not add up over the life of a version. Without slices nothing is divided.
 *
 * Source: O. J. Dunn (1961), Multiple comparisons among means, JASA 56, 52-64.
 */
export function judgedBy(spec: PerformanceSpec, slice: string, slices: number): PerformanceSpec {
  if (slices === 0) return spec;
  const half = (1 - spec.confidence) / 2;
  return slice === ''
    ? { ...spec, confidence: 1 - half }
    : { ...spec, confidence: 1 - half / slices, minLabelled: spec.sliceMinLabelled };
}

/** Names of the slices that a Monitor judges of a Model with the slices `known`, in their order. */
export function judgedSlices(spec: PerformanceSpec, known: readonly string[]): readonly string[] {
  const { slices } = spec;
  return slices === 'all' ? known : known.filter((name) => slices.includes(name));
}
