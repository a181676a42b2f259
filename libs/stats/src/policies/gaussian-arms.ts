import type { ArmRewards } from './exploration.ts';
import { logGamma } from '../numerics/gamma.ts';
import { gaussLegendre } from '../numerics/quadrature.ts';
import { studentCdf } from '../numerics/student.ts';

/** What is known of an arm whose rewards may be any finite numbers. */
export interface ArmMoments extends ArmRewards {
  /** Sum of the squares of its rewards. */
  readonly sumSquares: number;
}

/** Rewards of each arm from which its posterior has two degrees of freedom; before, nothing can be said of its spread. */
const maturedMin = 5;

/** How far the sum of squares may be below what the sum implies, for each reward: its terms are rounded to 1e-6. */
const roundingMax = 1e-6;

/** Smallest scale of a mean, in units of the larger of 1 and the mean: rewards that are all equal still compare. */
const scaleMin = 1e-9;

/** Nodes for one panel of the integral. */
const legendre = gaussLegendre(16);

/** Where panels end, in scales from the mean of each arm; then doubled while anything is beyond. */
const deviations = [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8];

/** Probabilities that cannot change the sixth digit. */
const negligible = 1e-9;

/**
 * Whether Thompson sampling with Normal arms can say anything of this arm: at least 5 rewards, and sums that rewards can have.
 *
 * hasPosterior({ matured: 4, sum: 2, sumSquares: 2 }) // → false
 */
export function hasPosterior({ matured, sum, sumSquares }: ArmMoments): boolean {
  return matured >= maturedMin && sumSquares - (sum * sum) / matured >= -roundingMax * matured;
}

/**
 * Probabilities of Thompson sampling with Normal arms whose mean and variance are both unknown: that of each arm to have the highest
 * mean. Under the prior that is uniform in mean and variance, the posterior of a mean is Student's t around the average of its n
 * rewards, with n - 3 degrees of freedom and the scale √(S / (n (n - 3))), S the sum of squared deviations. That prior, and not the reference prior
 * 1/σ², is the one with which this policy reaches the lower bound of regret (Honda and Takemura 2014, Optimality of Thompson Sampling
 * for Gaussian Bandits Depends on Priors, PMLR 33, 375-383). By numerical integration of ∫ f_i ∏ F_j, not by sampling, within 1e-6; then mixed
 * with the uniform distribution so that no arm has less than `floor`/K. Uniform until every arm has a posterior (`hasPosterior`).
 * O(arms² · 16 · panels), up to about 40 panels for each arm.
 *
 * thompsonGaussian([{ matured: 9, sum: 27, sumSquares: 99 }, { matured: 9, sum: 27, sumSquares: 99 }], 0).map((p) => p.toFixed(6)) // → ["0.500000","0.500000"]
 */
export function thompsonGaussian(arms: readonly ArmMoments[], floor: number): readonly number[] {
  if (!arms.every(hasPosterior)) return arms.map(() => 1 / arms.length);
  const means = arms.map(posterior);
  const edges = panelEdges(means);
  const top = means.reduce((best, one) => (one.mean > best.mean ? one : best));
  const wins = means.map(() => 0);
  for (let panel = 1; panel < edges.length; panel += 1) {
    const [from, to] = [edges[panel - 1] ?? 0, edges[panel] ?? 0];
    // All arms together win at most K times this, anywhere below.
    if (below(top, to) < negligible) continue;
    addPanel(means, from, to - from, wins);
  }
  const total = wins.reduce((sum, win) => sum + win, 0);
  return wins.map((win) => (1 - floor) * (win / total) + floor / arms.length);
}

/** Student's t, shifted and scaled. */
interface Posterior {
  readonly mean: number;
  readonly scale: number;
  readonly dof: number;
  readonly logNorm: number;
}

function posterior({ matured, sum, sumSquares }: ArmMoments): Posterior {
  const mean = sum / matured;
  const dof = matured - 3;
  const squares = Math.max(0, sumSquares - sum * mean);
  const scale = Math.max(Math.sqrt(squares / (matured * dof)), scaleMin * Math.max(1, Math.abs(mean)));
  const logNorm = logGamma((dof + 1) / 2) - logGamma(dof / 2) - Math.log(dof * Math.PI) / 2 - Math.log(scale);
  return { mean, scale, dof, logNorm };
}

function below({ mean, scale, dof }: Posterior, x: number): number {
  return studentCdf((x - mean) / scale, dof);
}

function density({ mean, scale, dof, logNorm }: Posterior, x: number): number {
  const t = (x - mean) / scale;
  return Math.exp(logNorm - ((dof + 1) / 2) * Math.log1p((t * t) / dof));
}

function addPanel(means: readonly Posterior[], from: number, width: number, wins: number[]): void {
  for (const { node, weight } of legendre) {
    const x = from + width * node;
    const densities = means.map((one) => density(one, x));
    if (Math.max(...densities) * width < negligible / 10) continue;
    const belows = means.map((one) => below(one, x));
    densities.forEach((at, arm) => {
      let others = 1;
      for (let other = 0; other < belows.length; other += 1) if (other !== arm) others *= belows[other] ?? 0;
      wins[arm] = (wins[arm] ?? 0) + weight * width * at * others;
    });
  }
}

function panelEdges(means: readonly Posterior[]): readonly number[] {
  const edges = new Set<number>();
  for (const { mean, scale, dof } of means) {
    edges.add(mean);
    for (const k of deviations) edges.add(mean - k * scale).add(mean + k * scale);
    for (let k = 16; studentCdf(-k / 2, dof) > negligible && k < 2 ** 40; k *= 2) {
      edges.add(mean - k * scale).add(mean + k * scale);
    }
  }
  return [...edges].sort((p, q) => p - q);
}
