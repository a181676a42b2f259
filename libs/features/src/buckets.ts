/** Numbers below this have a bucket of their own; from there on each power of two is cut into as many. */
export const linearBuckets = 128;
const linearBits = 7;

/** How many values fell into each bucket. */
export type Buckets = Map<number, number>;

/** Number of the highest set bit of a whole number from 1 to 2^53. */
function highestBit(value: number): number {
  return value < 2 ** 32 ? 31 - Math.clz32(value) : 63 - Math.clz32(value / 2 ** 32);
}

/**
 * Bucket of a whole number of magnitude below 2^53: integers only, so that SQL finds the same one. Buckets order as their values
 * do; negative ones mirror positive ones (as in G. Tene's HdrHistogram).
 *
 * @example bucketOf(127) === 127
 * @example bucketOf(1000) === 634
 */
export function bucketOf(units: number): number {
  const size = Math.abs(units);
  if (size < linearBuckets) return units;
  const shift = highestBit(size) - linearBits;
  const bucket = shift * linearBuckets + Math.floor(size / 2 ** shift);
  return units < 0 ? -bucket : bucket;
}

/**
 * Middle of a bucket's values: within 0.4 percent (1/256) of each of them, and exact for magnitudes below 256.
 *
 * @example bucketMiddle(634) === 1001.5 // 1000 to 1003
 */
export function bucketMiddle(bucket: number): number {
  const size = Math.abs(bucket);
  if (size < 2 * linearBuckets) return bucket;
  const shift = Math.floor(size / linearBuckets) - 1;
  const width = 2 ** shift;
  const middle = (size - shift * linearBuckets) * width + (width - 1) / 2;
  return bucket < 0 ? -middle : middle;
}

export function addBucket(buckets: Buckets, bucket: number, count: number): void {
  buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
}

/** Middle of the bucket that holds the value of rank max(1, ceil(q n)); null of nothing. O(buckets log buckets). */
export function bucketQuantile(buckets: Buckets, q: number): number | null {
  let count = 0;
  for (const here of buckets.values()) count += here;
  if (count === 0) return null;
  const rank = Math.max(1, Math.ceil(q * count));
  let seen = 0;
  for (const bucket of [...buckets.keys()].sort((a, b) => a - b)) {
    seen += buckets.get(bucket) ?? 0;
    if (seen >= rank) return bucketMiddle(bucket);
  }
  return null;
}
