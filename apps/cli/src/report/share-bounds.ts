/** -ln of the probability with which chance may be further away, at either end: one log of 10^9. */
const unlikeliness = 9 * Math.LN10;

/** Relative entropy of a coin of probability `a` to one of `b`, nats, [0, Infinity]. */
function divergence(a: number, b: number): number {
  const term = (x: number, y: number): number => (x === 0 ? 0 : x * Math.log(x / y));
  return term(a, b) + term(1 - a, 1 - b);
}

/** The number nearest to `far`, between it and `near`, of which so many may be logged. */
function furthest(near: number, far: number, isPossible: (made: number) => boolean): number {
  let [inside, outside] = [near, far];
  for (let step = 0; step < 100; step += 1) {
    const middle = (inside + outside) / 2;
    if (isPossible(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}

/**
 * Between which numbers of predictions were made, where of each with inclusion probability p so many are logged. For one p these are the numbers R of
 * which S or more, or S or fewer, are logged with probability over 10^-9: exp(-R KL(S/R || p)) bounds that (Chernoff 1952, doi:10.1214/aoms/1177729330,
 * for every R, not only for large ones). Those of several p are added, which is wider than need be. Where all are logged it is their number.
 *
 * @example shareBounds(new Map([[1, 40]])) → { low: 40, high: 40 }
 */
export function shareBounds(logged: ReadonlyMap<number, number>): { readonly low: number; readonly high: number } {
  let [low, high] = [0, 0];
  for (const [share, count] of logged) {
    if (share >= 1) {
      low += count;
      high += count;
      continue;
    }
    const isPossible = (made: number): boolean =>
      made >= count && made * divergence(made === 0 ? 0 : count / made, share) <= unlikeliness;
    const likely = count / share;
    low += furthest(likely, 0, isPossible);
    high += furthest(likely, 2 * likely + (8 * unlikeliness) / share, isPossible);
  }
  return { low: Math.floor(low), high: Math.ceil(high) };
}
