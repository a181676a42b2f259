import { chiSquareQuantile, chiSquareSurvival } from './gamma.ts';

/**
 * Φ(z), the distribution function of the standard normal law, from the χ² law of z².
 *
 * @example
 * normalCdf(0) // → 0.5
 */
export function normalCdf(z: number): number {
  const tail = chiSquareSurvival(z * z, 1) / 2;
  return z > 0 ? 1 - tail : tail;
}

/**
 * Φ⁻¹(p); infinite at 0 and 1.
 *
 * @example
 * normalQuantile(0.975).toFixed(6) // → "1.959964"
 */
export function normalQuantile(p: number): number {
  if (p < 0.5) return -normalQuantile(1 - p);
  return Math.sqrt(chiSquareQuantile(2 * p - 1, 1));
}
