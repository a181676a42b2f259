import type { Ensemble } from './train.ts';

/**
 * What each column means to an ensemble: its share of all that the splits have gained, `[columns]`, sum 1; all 0 where nothing was split. Only
 * the trees that are kept count. Gains are those on the rows that were fitted, so noise that was fitted has its share, too. O(nodes).
 *
 * Source: J. H. Friedman (2001), Greedy function approximation, Annals of Statistics 29, section 8.1 (relative influence), without its root.
 */
export function gainShares({ trees }: Pick<Ensemble, 'trees'>, columns: number): Float64Array {
  const gains = new Float64Array(columns);
  for (const { nodes } of trees) for (const { feature, gain } of nodes) gains[feature] = (gains[feature] ?? 0) + gain;
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  return total > 0 ? gains.map((gain) => gain / total) : gains;
}
