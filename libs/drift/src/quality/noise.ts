import { studentQuantile } from '@everloop/stats';
import { lossOf, meanLoss, mergeHours, varianceOfLoss, type OutcomeHour } from './outcomes.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How much more the losses of a version vary from hour to hour, or day to day, than independent rows would; sums over its windows. */
export interface Noise {
  /** Σ (loss of a cluster - its rows · mean of its window)², nats² or the label's unit squared. */
  readonly between: number;
  /** What the same sum is expected to be for independent rows. */
  readonly within: number;
  /** Clusters less windows. */
  readonly freedom: number;
}

export const noNoise: Noise = { between: 0, within: 0, freedom: 0 };

/** The clusters of a window, in the order of time: days where it has several of them, else hours. Rows of one are not independent. */
export function clustersOf(hours: readonly OutcomeHour[], windowMs: number): readonly OutcomeHour[] {
  const widthMs = windowMs >= 2 * dayMs ? dayMs : hourMs;
  const groups = new Map<number, OutcomeHour[]>();
  for (const hour of hours) {
    const place = Math.floor(hour.hourMs / widthMs);
    groups.set(place, [...(groups.get(place) ?? []), hour]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => mergeHours(group));
}

/** Adds a window. Deviations are from its own mean, so a window whose loss is higher as a whole adds no noise. */
export function addNoise(noise: Noise, clusters: readonly OutcomeHour[]): Noise {
  const labelled = clusters.filter((cluster) => cluster.labelled > 0);
  if (labelled.length < 2) return noise;
  const window = mergeHours(labelled);
  const [mean, variance] = [meanLoss(window), varianceOfLoss(window)];
  let [between, within] = [noise.between, noise.within];
  for (const cluster of labelled) {
    between += (lossOf(cluster).sum - cluster.labelled * mean) ** 2;
    within += variance * cluster.labelled * (1 - cluster.labelled / window.labelled);
  }
  return { between, within, freedom: noise.freedom + labelled.length - 1 };
}

/**
 * Factor by which the variance of a mean loss is larger than that of as many independent rows, at least 1.
 *
 * Source: L. Kish (1965), Survey Sampling, section 8.1 (design effect), estimated from the clusters' totals.
 *
 * @example
 * designEffect({ between: 6, within: 2, freedom: 5 }) // → 3
 */
export function designEffect({ between, within }: Noise): number {
  return within > 0 ? Math.max(1, between / within) : 1;
}

/**
 * Part of `alpha` that the window number `k` (from 1) may spend: all of them together spend it, however many there are, so that the probability of a
 * false alarm is bounded for the life of a version.
 *
 * Source: D. A. Darling and H. Robbins (1967), Iterated logarithm inequalities, PNAS 57, 1188-1192; Σ 1 / (k (k + 1)) = 1.
 *
 * @example
 * [1, 2, 3].map((k) => alphaOf(0.06, k).toFixed(3)) // → ["0.030","0.010","0.005"]
 */
export function alphaOf(alpha: number, k: number): number {
  return alpha / (k * (k + 1));
}

/** Rows of a Student distribution above which it is taken for a normal one. */
const freedomMax = 1e6;

/** How many standard errors a one-sided bound at `alpha` is away; by the freedom of the noise where it was measured. */
export function boundOf(alpha: number, noise: Noise, rows: number): number {
  const freedom = noise.freedom > 0 ? noise.freedom : rows - 1;
  return studentQuantile(1 - alpha, Math.min(Math.max(1, freedom), freedomMax));
}

/**
 * Radius of a confidence sequence of a mean after `rows` rows: with probability 1 - `alpha` the mean is within it at all times at once
 * (asymptotically), so it may be looked at after every window. From sums alone. Tightest near `rowsBest` rows.
 *
 * σ √(2 (tρ² + 1) / (t²ρ²) · ln(√(tρ² + 1) / α)), ρ² = (-2 ln α + ln(1 - 2 ln α)) / rowsBest.
 *
 * Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
 * sequences, Annals of Statistics 52, 2613-2640, theorem 2.2 and appendix B.2; the boundary is Robbins's normal mixture (1970).
 *
 * @example
 * sequenceRadius(1, 1000, 0.05, 1000).toFixed(4) // → "0.0960"
 */
export function sequenceRadius(variance: number, rows: number, alpha: number, rowsBest: number): number {
  const rho = (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / rowsBest;
  const scaled = rows * rho + 1;
  return Math.sqrt(variance * ((2 * scaled) / (rows * rows * rho)) * Math.log(Math.sqrt(scaled) / alpha));
}
