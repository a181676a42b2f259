import { fnv1a64 } from '../policies/draw.ts';
import { randomIndex } from '../numerics/random.ts';

/** One evaluation of a model: the inputs in `taken` (1) from the instance, the others from background row `row`. */
export interface ShapleyStep {
  readonly row: number;
  /** One for each input. */
  readonly taken: Uint8Array;
}

/** Contributions of the inputs for one background row. */
interface RowPlan {
  readonly row: number;
  /** Inputs in which the instance differs from the row. */
  readonly players: readonly number[];
  /** Place of the row's first step. */
  readonly from: number;
  /** Orders in which the players come; null: every subset is evaluated. */
  readonly orders: readonly (readonly number[])[] | null;
}

/** The evaluations that an explanation takes. */
export interface ShapleyPlan {
  readonly steps: readonly ShapleyStep[];
  /** Every subset of inputs is evaluated for every background row: the values are exact. */
  readonly isExact: boolean;
  readonly inputs: number;
  readonly rows: readonly RowPlan[];
}

export interface ShapleyOptions {
  /** Most evaluations; one pair of orders for one background row is taken in any case. */
  readonly evaluationsMax: number;
  /** Most pairs of orders for each background row. */
  readonly pairsMax: number;
  /** The same text draws the same orders. */
  readonly seed: string;
}

/** What the inputs of an instance contributed to its value. */
export interface ShapleyValues {
  /** float64 [inputs] */
  readonly attributions: Float64Array;
  /** Mean value of the background; with the attributions it sums to the value of the instance. */
  readonly base: number;
}

/** Subsets of so many inputs are not counted one by one. */
const subsetPlayersMax = 20;

/**
 * Plans Shapley values of one instance in the game v(S) = mean over the background of f(inputs of S from the instance, the others from the
 * background). `differs[row][input]` is 1 where the instance differs from a background row; the others contribute nothing and cost nothing.
 *
 * For each background row either all subsets of the inputs that differ, which is exact, or orders of them drawn in antithetic pairs (an order
 * and its reverse), whichever is fewer evaluations. When not even one pair for each row fits, rows are left out by lot. Sources: Štrumbelj and
 * Kononenko 2014, Knowledge and Information Systems 41, 647-665 (algorithm 1); antithetic orders: Mitchell, Cooper, Frank and Holmes 2022,
 * JMLR 23(43), section 4.1. O(evaluations × inputs).
 *
 * planShapley([[1, 1], [1, 0]], { evaluationsMax: 10, pairsMax: 5, seed: 'a' }).steps // → [{"row":0,"taken":{"0":1,"1":0}},{"row":0,"taken":{"0":0,"1":1}}]
 */
export function planShapley(
  differs: readonly ArrayLike<number>[],
  { evaluationsMax, pairsMax, seed }: ShapleyOptions,
): ShapleyPlan {
  const { high, low } = fnv1a64(seed);
  const random = randomIndex(high ^ low);
  const inputs = differs[0]?.length ?? 0;
  const all = differs.map((flags) => Array.from(flags, Number).flatMap((flag, input) => (flag === 0 ? [] : [input])));
  const total = (cost: (players: number) => number): number => all.reduce((sum, { length }) => sum + cost(length), 0);
  const isExact = total(subsetCost) <= evaluationsMax;
  let pairs = isExact ? Infinity : pairsMax;
  while (pairs > 1 && !isExact && total((players) => cheaper(players, pairs)) > evaluationsMax) pairs -= 1;
  const chosen = pairs > 1 || isExact ? all.map((_, row) => row) : affordable(all, evaluationsMax, random);
  const steps: ShapleyStep[] = [];
  const rows = chosen.map((row): RowPlan => {
    const players = all[row] ?? [];
    const from = steps.length;
    const take = (subset: readonly number[]): void => {
      const taken = new Uint8Array(inputs);
      for (const input of subset) taken[input] = 1;
      steps.push({ row, taken });
    };
    if (subsetCost(players.length) <= orderCost(players.length, pairs)) {
      for (let subset = 1; subset < 2 ** players.length - 1; subset += 1)
        take(players.filter((_, index) => (subset >> index) % 2 === 1));
      return { row, players, from, orders: null };
    }
    const orders = Array.from({ length: pairs }, () => shuffled(players, random)).flatMap((order) => [
      order,
      order.toReversed(),
    ]);
    for (const order of orders) for (let end = 1; end < order.length; end += 1) take(order.slice(0, end));
    return { row, players, from, orders };
  });
  return { steps, isExact, inputs, rows };
}

/**
 * The attributions of a plan: `value` is f(instance), `background[row]` f(background row), `scores[step]` f of each step. Their sum is the value less
 * the base, up to rounding.
 *
 * shapleyValues(planShapley([[1, 1]], { evaluationsMax: 10, pairsMax: 5, seed: 'a' }), 7, [1], [3, 2]) // → {"attributions":{"0":3.5,"1":2.5},"base":1}
 */
export function shapleyValues(
  plan: ShapleyPlan,
  value: number,
  background: ArrayLike<number>,
  scores: ArrayLike<number>,
): ShapleyValues {
  const attributions = new Float64Array(plan.inputs);
  let base = 0;
  for (const row of plan.rows) {
    // A row that is the instance itself has its value, however it was rounded.
    const without = row.players.length === 0 ? value : (background[row.row] ?? Number.NaN);
    base += without;
    const own =
      row.orders === null ? bySubsets(row, without, value, scores) : byOrders(row, row.orders, without, value, scores);
    row.players.forEach((input, index) => {
      attributions[input] = (attributions[input] ?? 0) + (own[index] ?? 0);
    });
  }
  const rows = Math.max(1, plan.rows.length);
  return { attributions: attributions.map((sum) => sum / rows), base: base / rows };
}

/** φ(i) = Σ over subsets S without i of |S|! (n - |S| - 1)! / n! · (v(S ∪ i) - v(S)), Shapley 1953. */
function bySubsets(
  { players, from }: RowPlan,
  without: number,
  value: number,
  scores: ArrayLike<number>,
): Float64Array {
  const count = players.length;
  const full = 2 ** count - 1;
  const valueOf = (subset: number): number =>
    subset === 0 ? without : subset === full ? value : (scores[from + subset - 1] ?? Number.NaN);
  // 1 / (n · C(n - 1, |S|)), by size of the subset.
  const weights: number[] = [1 / count];
  for (let size = 1; size < count; size += 1) weights.push(((weights[size - 1] ?? 0) * size) / (count - size));
  const own = new Float64Array(count);
  for (let subset = 0; subset <= full; subset += 1) {
    const weight = weights[sizeOf(subset)] ?? 0;
    const before = valueOf(subset);
    for (let player = 0; player < count; player += 1) {
      if ((subset >> player) % 2 === 1) continue;
      own[player] = (own[player] ?? 0) + weight * (valueOf(subset | (1 << player)) - before);
    }
  }
  return own;
}

/** The mean over the orders of what each input added when its turn came. */
function byOrders(
  { players, from }: RowPlan,
  orders: readonly (readonly number[])[],
  without: number,
  value: number,
  scores: ArrayLike<number>,
): Float64Array {
  const places = new Map(players.map((input, index) => [input, index]));
  const own = new Float64Array(players.length);
  let step = from;
  for (const order of orders) {
    let before = without;
    order.forEach((input, index) => {
      const after = index === order.length - 1 ? value : (scores[step++] ?? Number.NaN);
      const place = places.get(input) ?? 0;
      own[place] = (own[place] ?? 0) + (after - before);
      before = after;
    });
  }
  return own.map((sum) => sum / orders.length);
}

function subsetCost(players: number): number {
  return players > subsetPlayersMax ? Infinity : Math.max(0, 2 ** players - 2);
}

function orderCost(players: number, pairs: number): number {
  return players < 2 ? 0 : 2 * pairs * (players - 1);
}

function cheaper(players: number, pairs: number): number {
  return Math.min(subsetCost(players), orderCost(players, pairs));
}

/** Rows in the order of a lot, as many as one pair of orders for each fits; at least one. */
function affordable(
  all: readonly (readonly number[])[],
  evaluationsMax: number,
  random: (count: number) => number,
): readonly number[] {
  let left = evaluationsMax;
  const lot = shuffled(
    all.map((_, row) => row),
    random,
  );
  return lot.filter((row, index) => (left -= cheaper(all[row]?.length ?? 0, 1)) >= 0 || index === 0);
}

function sizeOf(subset: number): number {
  let size = 0;
  for (let rest = subset; rest > 0; rest &= rest - 1) size += 1;
  return size;
}

/** Fisher and Yates 1938, in the form of Durstenfeld 1964. */
function shuffled(items: readonly number[], random: (count: number) => number): number[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
