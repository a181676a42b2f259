import {
  clusterBootstrap,
  drawOf,
  doublyRobustTerms,
  effectiveSampleSize,
  empiricalBernsteinLower,
  importanceWeights,
  inversePropensity,
  offPolicyGate,
  orderFreeSum,
  selfNormalized,
  type Interval,
  type OffPolicyVerdict,
} from '@everloop/stats';

/** A logged decision whose reward is known. */
export interface RewardedDecision {
  /** What its draw was made for; decisions of one unit are resampled together. */
  readonly unit: string;
  /** Revision of the route that drew. */
  readonly revision: string;
  /** What was done: a version, or an action. */
  readonly arm: string;
  /** Other arms that could have been drawn, where the record says so. */
  readonly arms: readonly string[];
  /** Probability of what was done, (0, 1]. */
  readonly propensity: number;
  readonly reward: number;
}

export interface EstimateOptions {
  /** Whom candidates are compared with; null: with what was done, whatever it was. */
  readonly champion: string | null;
  /** Largest weight. */
  readonly clip: number;
  /** How much worse than the champion a candidate may be, in units of the reward. */
  readonly margin: number;
  readonly confidence: number;
  readonly resamples: number;
  readonly seed: number;
  /** Least and greatest reward. */
  readonly range: Interval;
}

export interface Estimate extends Interval {
  readonly value: number;
}

/** What the log says of the policy "always this arm". */
export interface ArmEstimate {
  readonly arm: string;
  /** Decisions in which the arm could have been drawn, and the champion too. */
  readonly decisions: number;
  /** Of these, those that the arm made. */
  readonly own: number;
  readonly units: number;
  readonly effectiveSampleSize: number;
  /** Of these, those whose weight was clipped. */
  readonly clipped: number;
  readonly ips: Estimate;
  readonly snips: Estimate;
  readonly dr: Estimate;
  /** The true value of clipped IPS is above this with the given confidence, whatever the distribution. */
  readonly bernsteinLower: number;
  /** Value by DR less that of the champion, or of what was done, over the same decisions; null for the champion itself. */
  readonly difference: Estimate | null;
  readonly gate: OffPolicyVerdict | null;
}

/**
 * Every arm of the log as the policy "always this arm", the champion first. An arm is judged over the decisions under which it could have been
 * drawn: those that name it among their arms, and those of route revisions that drew it at all.
 */
export function estimateArms(decisions: readonly RewardedDecision[], options: EstimateOptions): readonly ArmEstimate[] {
  const drawn = drawnUnder(decisions);
  const arms = [...new Set(decisions.map(({ arm }) => arm))].sort(
    (a, b) => Number(b === options.champion) - Number(a === options.champion) || (a < b ? -1 : 1),
  );
  return arms.map((arm) => {
    const could = (of: string) => (one: RewardedDecision) =>
      one.arms.includes(of) || drawn.get(one.revision)?.has(of) === true;
    const over = decisions.filter(could(arm));
    return estimateArm(arm, options.champion === null ? over : over.filter(could(options.champion)), options);
  });
}

/** Arms that each revision of the route drew. */
function drawnUnder(decisions: readonly RewardedDecision[]): ReadonlyMap<string, ReadonlySet<string>> {
  const drawn = new Map<string, Set<string>>();
  for (const { revision, arm } of decisions) {
    const arms = drawn.get(revision);
    if (arms === undefined) drawn.set(revision, new Set([arm]));
    else arms.add(arm);
  }
  return drawn;
}

interface Columns {
  readonly weights: Float64Array;
  readonly terms: Float64Array;
}

function columnsOf(
  arm: string,
  decisions: readonly RewardedDecision[],
  rewards: Float64Array,
  { clip }: EstimateOptions,
): Columns {
  const weights = importanceWeights(
    decisions.map((one) => (one.arm === arm ? 1 : 0)),
    decisions.map(({ propensity }) => propensity),
    clip,
  );
  const { fittedLogged, fittedTarget } = crossFitted(arm, decisions);
  return { weights, terms: doublyRobustTerms({ weights, rewards, fittedLogged, fittedTarget }) };
}

function estimateArm(arm: string, decisions: readonly RewardedDecision[], options: EstimateOptions): ArmEstimate {
  const rewards = Float64Array.from(decisions, ({ reward }) => reward);
  const units = decisions.map(({ unit }) => unit);
  const { weights, terms } = columnsOf(arm, decisions, rewards, options);
  const weighted = weights.map((weight, row) => weight * (rewards[row] ?? 0));
  const isChampion = arm === options.champion;
  const against = options.champion === null ? rewards : columnsOf(options.champion, decisions, rewards, options).terms;
  const differences = terms.map((term, row) => term - (against[row] ?? 0));
  const [ips, snips, dr, difference] = clusterBootstrap(
    [
      { numerator: weighted },
      { numerator: weighted, denominator: weights },
      { numerator: terms },
      { numerator: differences },
    ],
    units,
    options,
  );
  const ess = effectiveSampleSize(weights);
  const versus = { ...known(difference), value: meanOf(differences) };
  return {
    arm,
    decisions: decisions.length,
    own: decisions.filter((one) => one.arm === arm).length,
    units: new Set(units).size,
    effectiveSampleSize: ess,
    clipped: weights.filter((weight) => weight === options.clip).length,
    ips: { ...known(ips), value: inversePropensity(weights, rewards) },
    snips: { ...known(snips), value: selfNormalized(weights, rewards) },
    dr: { ...known(dr), value: meanOf(terms) },
    bernsteinLower: bernstein(weighted, units, options),
    difference: isChampion ? null : versus,
    gate: isChampion
      ? null
      : offPolicyGate({
          decisions: decisions.length,
          effectiveSampleSize: ess,
          difference: versus,
          margin: options.margin,
        }),
  };
}

function known(interval: Interval | undefined): Interval {
  return interval ?? { lower: Number.NaN, upper: Number.NaN };
}

function meanOf(values: Float64Array): number {
  return orderFreeSum(values) / values.length;
}

/**
 * The model of the reward that DR uses: the mean reward of each arm, from the units of the other half, so that no decision is explained by
 * itself (Chernozhukov et al. 2018, The Econometrics Journal 21, C1-C68, section 3: cross-fitting).
 */
function crossFitted(arm: string, decisions: readonly RewardedDecision[]) {
  const halves = decisions.map(({ unit }) => (drawOf('cross-fit', unit) < 0.5 ? 0 : 1));
  const sums = new Map<string, number[]>();
  decisions.forEach((one, row) => {
    const key = `${halves[row] === 0 ? 1 : 0}/${one.arm}`;
    const known = sums.get(key);
    if (known === undefined) sums.set(key, [one.reward]);
    else known.push(one.reward);
  });
  const means = new Map([...sums].map(([key, rewards]) => [key, orderFreeSum(rewards) / rewards.length]));
  const fitted = (row: number, of: string): number => means.get(`${halves[row] ?? 0}/${of}`) ?? 0;
  return {
    fittedLogged: decisions.map((one, row) => fitted(row, one.arm)),
    fittedTarget: decisions.map((_, row) => fitted(row, arm)),
  };
}

/** The bound on the sums of units, which are independent where decisions are not; exact for their sizes as they are. */
function bernstein(weighted: Float64Array, units: readonly string[], options: EstimateOptions): number {
  const { clip, confidence, range } = options;
  const sums = new Map<string, number[]>();
  units.forEach((unit, row) => {
    const known = sums.get(unit);
    if (known === undefined) sums.set(unit, [weighted[row] ?? 0]);
    else known.push(weighted[row] ?? 0);
  });
  const each = sums.size / units.length;
  const largest = [...sums.values()].reduce((max, { length }) => Math.max(max, length), 0) * each;
  return empiricalBernsteinLower(
    [...sums.values()].map((values) => orderFreeSum(values) * each),
    { confidence, min: Math.min(0, range.lower) * clip * largest, max: Math.max(0, range.upper) * clip * largest },
  );
}
