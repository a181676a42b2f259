/** Present values, ascending. */
function ascending(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values)
    .filter((value) => !Number.isNaN(value))
    .sort();
}

/**
 * Wasserstein-1 (earth mover's) distance of two samples, in the unit of the values: the area between their distribution functions, ∫ |F - G|.
 * Divide by the reference's standard deviation to compare features. NaN values are left out; NaN when a sample is empty. O(n log n).
 *
 * Source: L. N. Vaserstein (1969), Problems of Information Transmission 5(3), 64-72; in one dimension S. S. Vallender (1974), Theory Probab.
 * Appl. 18, 784-786.
 *
 * @example
 * wasserstein1([0, 1, 3], [5, 6, 8]) // → 5
 */
export function wasserstein1(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const x = ascending(a);
  const y = ascending(b);
  const [n, m] = [x.length, y.length];
  if (n === 0 || m === 0) return Number.NaN;
  let area = 0;
  let i = 0;
  let j = 0;
  let last = Math.min(x[0] ?? 0, y[0] ?? 0);
  while (i < n || j < m) {
    const next = Math.min(x[i] ?? Infinity, y[j] ?? Infinity);
    // |i/n - j/m| as one quotient of whole numbers: equal shares give 0.
    if (next > last) area += (Math.abs(i * m - j * n) / (n * m)) * (next - last);
    while (i < n && x[i] === next) i += 1;
    while (j < m && y[j] === next) j += 1;
    last = next;
  }
  return area;
}

/**
 * Wasserstein-1 distance of two rows of counts whose bins stand at ascending `positions`, in their unit. From binned values it is within the
 * width of the widest bin of that of the values, where no bin is open. NaN when a side is empty. O(bins).
 *
 * Source: as `wasserstein1`.
 *
 * @example
 * wassersteinFromBins([0, 1, 5], [1, 1, 0], [0, 1, 1]) // → 2.5
 */
export function wassersteinFromBins(
  positions: ArrayLike<number>,
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
): number {
  let n = 0;
  let m = 0;
  for (let i = 0; i < positions.length; i += 1) {
    n += reference[i] ?? 0;
    m += current[i] ?? 0;
  }
  if (n === 0 || m === 0) return Number.NaN;
  let area = 0;
  let below = 0;
  let belowCurrent = 0;
  for (let i = 0; i + 1 < positions.length; i += 1) {
    below += reference[i] ?? 0;
    belowCurrent += current[i] ?? 0;
    area += Math.abs(below / n - belowCurrent / m) * ((positions[i + 1] ?? 0) - (positions[i] ?? 0));
  }
  return area;
}
