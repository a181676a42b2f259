import { logGamma } from '../numerics/gamma.ts';
import { binomialDensity } from '../numerics/binomial.ts';

const termsMax = 200;

/**
 * P(K > x) of the limit law of √n D, the Kolmogorov distribution; 1 for x <= 0.
 *
 * Source: A. N. Kolmogorov (1933), Giornale dell'Istituto Italiano degli Attuari 4, 83-91; N. Smirnov (1948), Annals of
 * Mathematical Statistics 19, 279-281, both series.
 *
 * @example
 * kolmogorovSurvival(1.3580986393225505).toFixed(9) // → "0.050000000"
 */
export function kolmogorovSurvival(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (x <= 0) return 1;
  if (x < 1) return 1 - limitBelow(x);
  let sum = 0;
  for (let k = 1; k < termsMax; k += 1) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < Math.abs(sum) * 1e-17) break;
  }
  return Math.min(1, 2 * sum);
}

/** Distribution function of the limit law, by the series that converges fast for small x. */
function limitBelow(x: number): number {
  let sum = 0;
  for (let k = 1; k < termsMax; k += 1) {
    const term = Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * x * x));
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return (Math.sqrt(2 * Math.PI) / x) * sum;
}

/**
 * P(D >= d) of the one-sample two-sided Kolmogorov-Smirnov statistic of `n` values. Exact where n <= 140 and n d² < 4, where n d^1.5 <= 1.4 and
 * n <= 100,000, and near both ends; else twice the one-sided law (n d² >= 2.2, or 4 up to n = 140: relative error below 2e-6 there
 * and falling fast with d) or the expansion of Pelz and Good (absolute error about 0.04 / n²). These are the regions of Simard and
 * L'Ecuyer (2011), table 1. NaN unless n is a whole number from 1. O(n), or O(k³ log n) with k = ⌈n d⌉ <= 60 in the exact region.
 *
 * Source: R. Simard and P. L'Ecuyer (2011), Computing the two-sided Kolmogorov-Smirnov distribution, J. Stat. Softw. 39(11); J. Durbin
 * (1973) and G. Marsaglia, W. W. Tsang and J. Wang (2003), J. Stat. Softw. 8(18) (matrix); W. Pelz and I. J. Good (1976), JRSS B 38,
 * 152-156; Z. W. Birnbaum and F. H. Tingey (1951), Annals of Mathematical Statistics 22, 592-596 (one-sided).
 *
 * @example
 * ksOneSampleSurvival(0.274, 10).toFixed(6) // → "0.371520"
 */
export function ksOneSampleSurvival(d: number, n: number): number {
  if (!(Number.isInteger(n) && n > 0) || Number.isNaN(d)) return Number.NaN;
  const t = n * d;
  if (t <= 0.5) return 1;
  if (d >= 1) return 0;
  if (t <= 1) return 1 - Math.exp(logGamma(n + 1) - n * Math.log(n) + n * Math.log(2 * t - 1));
  const spread = t * d;
  if (d >= 0.5 || spread >= (n <= 140 ? 4 : 2.2)) return Math.min(1, 2 * ksOneSided(d, n));
  const isExact = n <= 140 || (n <= 100_000 && n * d ** 1.5 <= 1.4);
  return Math.min(1, Math.max(0, 1 - (isExact ? durbin(d, n) : pelzGood(d, n))));
}

/**
 * P(D⁺ >= d) of the one-sided statistic: d Σ_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j), j from 0 to n (1 - d). Positive terms
 * only. O(n).
 *
 * Source: Z. W. Birnbaum and F. H. Tingey (1951), Annals of Mathematical Statistics 22, 592-596.
 *
 * @example
 * ksOneSided(0.5, 2) // → 0.25
 */
export function ksOneSided(d: number, n: number): number {
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  let sum = 0;
  for (let j = Math.floor(n * (1 - d)); j >= 0; j -= 1) {
    const p = d + j / n;
    if (p < 1) sum += (d / p) * binomialDensity(j, n, p);
    else if (j === n) sum += d;
  }
  return Math.min(1, sum);
}

/** Distribution function as n!/nⁿ times an element of the n-th power of a (2k-1) square matrix. */
function durbin(d: number, n: number): number {
  const k = Math.ceil(n * d);
  const size = 2 * k - 1;
  const h = k - n * d;
  const matrix = durbinMatrix(size, h);
  const power = { values: identity(size), exponent: 0 };
  const square = { values: matrix, exponent: 0 };
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) multiplyInto(power, square, size);
    if (left > 1) multiplyInto(square, square, size);
  }
  const element = power.values[(k - 1) * size + k - 1] ?? 0;
  return Math.exp(Math.log(element) + power.exponent * Math.LN2 + logGamma(n + 1) - n * Math.log(n));
}

function identity(size: number): Float64Array {
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) values[i * size + i] = 1;
  return values;
}

function durbinMatrix(size: number, h: number): Float64Array {
  const values = new Float64Array(size * size);
  const factorial = (x: number): number => Math.exp(logGamma(x + 1));
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      const order = i - j + 1;
      if (order < 0) continue;
      let value = 1;
      if (j === 0) value -= h ** (i + 1);
      if (i === size - 1) value -= h ** (size - j);
      if (j === 0 && i === size - 1) value += Math.max(0, 2 * h - 1) ** size;
      values[i * size + j] = value / factorial(order);
    }
  }
  return values;
}

interface Scaled {
  values: Float64Array;
  /** The matrix is `values` times 2^exponent. */
  exponent: number;
}

/** target = target × by, scaled by a power of two so that nothing overflows. */
function multiplyInto(target: Scaled, by: Scaled, size: number): void {
  const [a, b] = [target.values, by.values];
  const product = new Float64Array(size * size);
  let most = 0;
  for (let i = 0; i < size; i += 1) {
    for (let l = 0; l < size; l += 1) {
      const factor = a[i * size + l] ?? 0;
      if (factor === 0) continue;
      for (let j = 0; j < size; j += 1) {
        const at = i * size + j;
        const sum = (product[at] ?? 0) + factor * (b[l * size + j] ?? 0);
        product[at] = sum;
        if (sum > most) most = sum;
      }
    }
  }
  const shift = most > 0 ? Math.floor(Math.log2(most)) : 0;
  for (let i = 0; i < product.length; i += 1) product[i] = (product[i] ?? 0) * 2 ** -shift;
  target.exponent += by.exponent + shift;
  target.values = product;
}

/** Distribution function to order n^-3/2; the last sum of the third term with 1/216, with which the error falls as n^-2. */
function pelzGood(d: number, n: number): number {
  const z = Math.sqrt(n) * d;
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const z8 = z4 * z4;
  const pi2 = Math.PI ** 2;
  let [k0, k1, k2, k3, k2b, k3b] = [0, 0, 0, 0, 0, 0];
  for (let k = 0; k < termsMax; k += 1) {
    // Both signs of k + 1/2 give the same term.
    const a = pi2 * (k + 0.5) ** 2;
    const weight = 2 * Math.exp(-a / (2 * z2));
    k0 += weight;
    k1 += (a - z2) * weight;
    k2 += (6 * z6 + 2 * z4 + a * (2 * z4 - 5 * z2) + a * a * (1 - 2 * z2)) * weight;
    k3 +=
      (a ** 3 * (5 - 30 * z2) + a * a * (212 * z4 - 60 * z2) + a * (135 * z4 - 96 * z6) - 30 * z6 - 90 * z8) * weight;
    const b = pi2 * (k + 1) ** 2;
    const weightB = 2 * Math.exp(-b / (2 * z2));
    k2b += b * weightB;
    k3b += (3 * b * z2 - b * b) * weightB;
    if (weight < 1e-20 * k0) break;
  }
  const root = Math.sqrt(Math.PI / 2);
  const first = (root / z) * k0;
  const second = (root / (6 * z4)) * k1;
  const third = root * (k2 / (72 * z6 * z) - k2b / (36 * z2 * z));
  const fourth = root * (k3 / (6480 * z8 * z2) + k3b / (216 * z6));
  return first + second / Math.sqrt(n) + third / n + fourth / n ** 1.5;
}
