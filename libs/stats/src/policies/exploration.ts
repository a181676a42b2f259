import { logGamma } from '../numerics/gamma.ts';
import { gaussLegendre } from '../numerics/quadrature.ts';
import { betaRatio } from '../numerics/student.ts';

/** What is known of one arm: decisions whose reward is known, and the sum of their rewards, each in [0, 1]. */
export interface ArmRewards {
  readonly matured: number;
  readonly sum: number;
}

/** How much is explored. */
export interface EpsilonRule {
  /** At the beginning, [0, 1]. */
  readonly epsilon: number;
  /** Never less, [0, epsilon]. */
  readonly floor: number;
  /** Matured decisions after which epsilon is half; 0: it does not decay. */
  readonly halfAt: number;
}

/**
 * Epsilon after so many matured decisions: ε₀ · h / (h + n), not below the floor.
 *
 * epsilonAfter({ epsilon: 0.2, floor: 0.05, halfAt: 100 }, 100) // → 0.1
 */
export function epsilonAfter({ epsilon, floor, halfAt }: EpsilonRule, matured: number): number {
  if (halfAt === 0) return Math.max(floor, epsilon);
  return Math.max(floor, (epsilon * halfAt) / (halfAt + matured));
}

/**
 * Probabilities of epsilon-greedy: ε/K for every arm, and 1-ε shared by those with the highest value. O(arms).
 *
 * epsilonGreedy([0.5, 0.5, 0.1, 0.1], 0.5) // → [0.375,0.375,0.125,0.125]
 */
export function epsilonGreedy(values: readonly number[], epsilon: number): readonly number[] {
  const best = bestArms(values);
  const each = epsilon / values.length;
  return values.map((_, arm) => each + (best.has(arm) ? (1 - epsilon) / best.size : 0));
}

/**
 * The arms with the highest value; several where they are equal.
 *
 * [...bestArms([0.5, 0.5, 0.1])] // → [0,1]
 */
export function bestArms(values: readonly number[]): ReadonlySet<number> {
  const highest = Math.max(...values);
  return new Set(values.flatMap((value, arm) => (value === highest ? [arm] : [])));
}

/**
 * The mean reward of each arm; one without rewards counts as the prior's mean, 1/2.
 *
 * armMeans([{ matured: 0, sum: 0 }, { matured: 4, sum: 3 }]) // → [0.5,0.75]
 */
export function armMeans(arms: readonly ArmRewards[]): readonly number[] {
  return arms.map(({ matured, sum }) => (matured === 0 ? 0.5 : sum / matured));
}

/**
 * The arm at `u` in [0, 1) of the distribution. The last arm that can be drawn takes what rounding leaves.
 *
 * pickArm([0.25, 0.75], 0.25) // → 1
 */
export function pickArm(pmf: readonly number[], u: number): number {
  let below = 0;
  let last = 0;
  for (const [arm, probability] of pmf.entries()) {
    if (probability <= 0) continue;
    below += probability;
    last = arm;
    if (u < below) return arm;
  }
  return last;
}

const legendre = gaussLegendre(16);

/** Where panels of the integral end, in standard deviations from the mean of each arm: close where its density is, far for its tails. */
const deviations = [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64];

/**
 * Probabilities of Thompson sampling with Beta arms (Thompson 1933, Biometrika 25, 285-294): that of each arm to be the best under
 * Beta(1 + Σr, 1 + n - Σr), a fractional reward counting as a fraction of a success. By numerical integration of
 * ∫ f_i ∏ F_j, not by sampling, within 1e-6; then mixed with the uniform distribution so that no arm has less than `floor`/K.
 * Whoever draws from the result has it as exact propensity. O(arms² · 16 · 11).
 *
 * thompson([{ matured: 8, sum: 4 }, { matured: 8, sum: 4 }], 0.2).map((p) => Math.round(p * 1e6) / 1e6) // → [0.5,0.5]
 */
export function thompson(arms: readonly ArmRewards[], floor: number): readonly number[] {
  const betas = arms.map(({ matured, sum }) => betaOf(1 + sum, 1 + Math.max(0, matured - sum)));
  const edges = panelEdges(betas);
  const wins = betas.map(() => 0);
  const top = betas.reduce((best, beta) => (meanOf(beta) > meanOf(best) ? beta : best));
  for (let panel = 1; panel < edges.length; panel += 1) {
    const [from, to] = [edges[panel - 1] ?? 0, edges[panel] ?? 1];
    // All arms together win at most K times this, anywhere below.
    if (betaRatio(top.a, top.b, to) < negligible) continue;
    addPanel(betas, from, to - from, wins);
  }
  const total = wins.reduce((sum, win) => sum + win, 0);
  return wins.map((win) => (1 - floor) * (win / total) + floor / arms.length);
}

/** Probabilities that cannot change the sixth digit. */
const negligible = 1e-9;

interface Beta {
  readonly a: number;
  readonly b: number;
  readonly logNorm: number;
}

function betaOf(a: number, b: number): Beta {
  return { a, b, logNorm: logGamma(a + b) - logGamma(a) - logGamma(b) };
}

function meanOf({ a, b }: Beta): number {
  return a / (a + b);
}

function addPanel(betas: readonly Beta[], from: number, width: number, wins: number[]): void {
  for (const { node, weight } of legendre) {
    const x = from + width * node;
    const densities = betas.map(({ a, b, logNorm }) =>
      Math.exp(logNorm + (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x)),
    );
    if (Math.max(...densities) * width < negligible / 10) continue;
    const below = betas.map(({ a, b }) => betaRatio(a, b, x));
    densities.forEach((density, arm) => {
      let others = 1;
      for (let other = 0; other < below.length; other += 1) if (other !== arm) others *= below[other] ?? 0;
      wins[arm] = (wins[arm] ?? 0) + weight * width * density * others;
    });
  }
}

function panelEdges(betas: readonly Beta[]): readonly number[] {
  const edges = new Set([0, 1]);
  for (let k = 1; k <= 12; k += 1) edges.add(2 ** -k).add(1 - 2 ** -k);
  for (const beta of betas) {
    const mean = meanOf(beta);
    const deviation = Math.sqrt((mean * (1 - mean)) / (beta.a + beta.b + 1));
    edges.add(mean);
    for (const k of deviations) {
      for (const edge of [mean - k * deviation, mean + k * deviation]) if (edge > 0 && edge < 1) edges.add(edge);
    }
  }
  return [...edges].sort((p, q) => p - q);
}
