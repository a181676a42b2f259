import type { Baseline } from '@everloop/drift';
import type { BaselineStore } from '../ports.ts';
import { keepUsed } from './kept.ts';

/**
 * Keeps the baselines used last, at most `baselinesMax`. Versions never change, so what was found stays true; what was not there is asked for
 * again, since a version may be written after its first prediction is read.
 */
export function cacheBaselines(store: BaselineStore, baselinesMax: number): BaselineStore {
  const kept = keepUsed<Baseline>(baselinesMax);
  return { get: (model, version) => kept(`${model}/${version}`, () => store.get(model, version)) };
}
