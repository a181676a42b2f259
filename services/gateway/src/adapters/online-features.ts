import {
  lookupMany,
  onlineKeys,
  planLookup,
  readingBy,
  isReplayable,
  vectorOfGolden,
  vectorWithoutViews,
  type FeatureVector,
} from '@everloop/features';
import type { ModelSpec } from '@everloop/contracts';
import type { Health } from '@everloop/service';
import type { FeatureRow } from '../domain/vector.ts';
import type { FeatureReader, FeatureResources } from '../ports.ts';

/** The online store as the reader needs it. */
export interface OnlineStore {
  /** See `onlineKeys`. */
  readonly buckets?: number | null;
  mgetBuffer(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  health?(): Health;
}

/** Reads a model's inputs from the online store by the lookup that the feature store defines. */
export function createOnlineReader(store: OnlineStore, spec: ModelSpec, resources: FeatureResources): FeatureReader {
  const plan = planLookup(spec, resources);
  const mget = readingBy(onlineKeys(store.buckets ?? null), (keys) => store.mgetBuffer(keys));
  return {
    needsStore: plan.bindings.length > 0,
    async read(rows) {
      // A store that is known to be away is not waited for: every request would hang for its whole time limit.
      const health = store.health?.() ?? { ok: true };
      if (!health.ok) throw new Error(health.reason);
      return (await lookupMany(plan, rows, mget)).map(toRow);
    },
    replay: ({ rows }) =>
      rows.every((row) => isReplayable(plan, row)) ? rows.map((row) => toRow(vectorOfGolden(plan, row))) : null,
    readWithoutStore: (rows) => rows.map(({ request }) => toRow(vectorWithoutViews(plan, request))),
  };
}

function toRow({ values, degradedViews, viewAgesMs }: FeatureVector): FeatureRow {
  return { values, degradedViews, viewAgesMs };
}
