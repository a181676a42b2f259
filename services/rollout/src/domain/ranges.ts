import { drawBuckets, type rollout } from '@everloop/contracts';

type Range = rollout.DrawRange;

/** A version and the share of the drawn requests that it is to take, [0, 1]; whole millionths. */
export interface Wanted {
  readonly version: string;
  readonly weight: number;
}

/**
 * Divides the draw among challengers, the rest being the champion's. Each keeps of its ranges what its weight allows and takes from the
 * champion what it lacks; so a unit changes its version only where a weight makes it, and a weight that grows keeps the units it had
 * (that shrinks: gives back those that came last). A new challenger begins at a place of its own, by hash of its version, so that not the
 * same units are first at every trial. Weights that are more than 1 together are cut in the order of `wanted`.
 * O(ranges · challengers).
 */
export function divideDraw(
  before: readonly rollout.Challenger[],
  wanted: readonly Wanted[],
): readonly rollout.Challenger[] {
  const had = new Map(before.map(({ version, ranges }) => [version, ranges]));
  const kept = wanted.map(({ version, weight }) => ({
    version,
    buckets: Math.round(weight * drawBuckets),
    ranges: firstOf(had.get(version) ?? [], Math.round(weight * drawBuckets)),
  }));
  const taken = kept.flatMap(({ ranges }) => ranges);
  return kept.map(({ version, buckets, ranges }) => {
    const more = takeFree(taken, placeOf(version), buckets - widthOf(ranges));
    taken.push(...more);
    return { version, ranges: joined([...ranges, ...more]) };
  });
}

function widthOf(ranges: readonly Range[]): number {
  return ranges.reduce((width, { from, to }) => width + to - from, 0);
}

/** The first `buckets` of the ranges, in their order. */
function firstOf(ranges: readonly Range[], buckets: number): Range[] {
  const first: Range[] = [];
  let left = buckets;
  for (const { from, to } of ranges) {
    const width = Math.min(left, to - from);
    if (width > 0) first.push({ from, to: from + width });
    left -= width;
  }
  return first;
}

/** Up to `buckets` that nobody has taken, from `start` on and around the end. */
function takeFree(taken: readonly Range[], start: number, buckets: number): Range[] {
  const free = freeRanges(taken);
  const behind = free.flatMap(({ from, to }) => (to > start ? [{ from: Math.max(from, start), to }] : []));
  const ahead = free.flatMap(({ from, to }) => (from < start ? [{ from, to: Math.min(to, start) }] : []));
  return firstOf([...behind, ...ahead], Math.max(0, buckets));
}

function freeRanges(taken: readonly Range[]): Range[] {
  const free: Range[] = [];
  let at = 0;
  for (const { from, to } of taken.toSorted((a, b) => a.from - b.from)) {
    if (from > at) free.push({ from: at, to: from });
    at = Math.max(at, to);
  }
  if (at < drawBuckets) free.push({ from: at, to: drawBuckets });
  return free;
}

/** Neighbours in the list that touch, as one. */
function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last?.to === range.from) result[result.length - 1] = { from: last.from, to: range.to };
    else result.push(range);
  }
  return result;
}

/** FNV-1a, 32 bits (draft-eastlake-fnv, section 2) of the version, as a bucket. */
function placeOf(version: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < version.length; i += 1) hash = Math.imul(hash ^ version.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % drawBuckets;
}
