import type { Baseline } from '@everloop/drift';
import type { BaselineStore } from '../ports.ts';

/**
 * Keeps the baselines used last, at most `baselinesMax`. Versions never change, so what was found stays true; what was not there is asked for
 * again, since a version may be written after its first prediction is read.
 */
export function cacheBaselines(store: BaselineStore, baselinesMax: number): BaselineStore {
  const cache = new Map<string, Promise<Baseline | null>>();
  return {
    async get(model, version) {
      const key = `${model}/${version}`;
      const known = cache.get(key);
      const found = known ?? store.get(model, version);
      cache.delete(key);
      cache.set(key, found);
      const oldest = cache.size > baselinesMax ? cache.keys().next() : undefined;
      if (oldest?.done === false) cache.delete(oldest.value);
      try {
        const baseline = await found;
        if (baseline === null) cache.delete(key);
        return baseline;
      } catch (error) {
        cache.delete(key);
        throw error;
      }
    },
  };
}
