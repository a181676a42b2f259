/** How much less rows that belong together say than independent ones. */
export interface ClusterEffect {
  readonly rows: number;
  readonly clusters: number;
  /** Correlation of two rows of one cluster, 0 to 1. */
  readonly intraclass: number;
  /** Factor of the variance of the mean, at least 1. */
  readonly designEffect: number;
  /** Independent rows that would say as much: rows / designEffect. */
  readonly effectiveRows: number;
}

/** Sums of the rows of each cluster (unit, session, customer); those of several readers add up. */
export interface ClusterSums {
  readonly rows: ArrayLike<number>;
  readonly sums: ArrayLike<number>;
  /** Sums of squares. */
  readonly squares: ArrayLike<number>;
}

/**
 * Effective sample size of clustered rows: rows / (1 + (m - 1) ICC), with m = Σ mᵢ² / Σ mᵢ and the intraclass correlation from the analysis of
 * variance, kept within [0, 1]. Tests that take rows for independent are right with this many. With one cluster, or as many as rows, nothing
 * is known of the correlation: 1 row, or all. Values should be ranks or bins where tails are heavy. O(clusters).
 *
 * Source: L. Kish (1965), Survey Sampling, section 5.4; A. Donner (1986), International Statistical Review 54, 67-82 (ICC); S. M. Kerry and J. M.
 * Bland (2001), Statistics in Medicine 20, 377-390 (unequal clusters).
 *
 * @example
 * clusterEffect({ rows: [2, 2], sums: [2, 6], squares: [2, 18] }) // → {"rows":4,"clusters":2,"intraclass":1,"designEffect":2,"effectiveRows":2}
 */
export function clusterEffect({ rows, sums, squares }: ClusterSums): ClusterEffect {
  let [total, clusters, squaredSizes, sum, square, between] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < rows.length; i += 1) {
    const size = rows[i] ?? 0;
    if (size === 0) continue;
    clusters += 1;
    total += size;
    squaredSizes += size * size;
    sum += sums[i] ?? 0;
    square += squares[i] ?? 0;
    between += (sums[i] ?? 0) ** 2 / size;
  }
  const intraclass = intraclassCorrelation({
    ...{ rows: total, clusters, squaredSizes, square, between },
    grand: total === 0 ? 0 : sum ** 2 / total,
  });
  const designEffect = total === 0 ? 1 : 1 + (squaredSizes / total - 1) * intraclass;
  return { rows: total, clusters, intraclass, designEffect, effectiveRows: total / designEffect };
}

/** Sums of a one-way analysis of variance. Those of several columns of the same rows, for example one for each category, add up. */
export interface VarianceSums {
  readonly rows: number;
  /** Clusters that have rows. */
  readonly clusters: number;
  /** Σ mᵢ², m: rows of a cluster. */
  readonly squaredSizes: number;
  /** Σ x² over rows. */
  readonly square: number;
  /** Σ (Σ x)² / mᵢ over clusters. */
  readonly between: number;
  /** (Σ x)² / rows. */
  readonly grand: number;
}

/**
 * Intraclass correlation by the analysis of variance with clusters of unequal size, (MSB - MSW) / (MSB + (m₀ - 1) MSW), kept within [0, 1]. With one
 * cluster nothing is known, 1; with as many clusters as rows nothing is alike, 0. For categories each has a column that is 1 or 0, whose sums
 * are added up.
 *
 * Source: A. Donner and J. J. Koval (1980), Biometrics 36, 19-25 (m₀ for unequal clusters); categories: J. R. Landis and G. G. Koch (1977), Biometrics 33,
 * 671-679.
 *
 * @example
 * intraclassCorrelation({ rows: 4, clusters: 2, squaredSizes: 8, square: 15, between: 14.5, grand: 12.25 }) // → 0.8
 */
export function intraclassCorrelation({ rows, clusters, squaredSizes, square, between, grand }: VarianceSums): number {
  if (clusters === rows) return 0;
  if (clusters < 2) return 1;
  const size = (rows - squaredSizes / rows) / (clusters - 1);
  const meanBetween = Math.max(0, between - grand) / (clusters - 1);
  const meanWithin = Math.max(0, square - between) / (rows - clusters);
  const scale = meanBetween + (size - 1) * meanWithin;
  return scale === 0 ? 0 : Math.min(1, Math.max(0, (meanBetween - meanWithin) / scale));
}

/**
 * As `clusterEffect`, from the values and the cluster of each row: whole numbers from 0. NaN values are left out. O(rows).
 *
 * Source: as `clusterEffect`.
 *
 * @example
 * clusterEffectOf([1, 1, 3, 3], [0, 0, 1, 1]).effectiveRows // → 2
 */
export function clusterEffectOf(values: ArrayLike<number>, clusters: ArrayLike<number>): ClusterEffect {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) count = Math.max(count, (clusters[i] ?? 0) + 1);
  const [rows, sums, squares] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const at = clusters[i] ?? 0;
    rows[at] = (rows[at] ?? 0) + 1;
    sums[at] = (sums[at] ?? 0) + value;
    squares[at] = (squares[at] ?? 0) + value * value;
  }
  return clusterEffect({ rows, sums, squares });
}
