/**
 * Sum that does not depend on the order of its terms: sorted ascending by value, then added with Neumaier's compensation, so that
 * two replays that read the same rows in another order decide the same. O(n log n).
 *
 * Source: A. Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54, 39-51.
 *
 * @example
 * orderFreeSum([1e100, 1, -1e100]) // → 1
 */
export function orderFreeSum(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  let sum = 0;
  let lost = 0;
  for (const value of sorted) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return Number.isFinite(sum) ? sum + lost : sum;
}
