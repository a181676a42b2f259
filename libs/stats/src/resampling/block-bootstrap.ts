import { randomIndex } from '../numerics/random.ts';

export interface BlockResamplerOptions {
  /** Rows (hours, windows) of the series, in order of time; at least 1. */
  readonly rows: number;
  /** Rows of a block; their mean for `stationary`. At least 1; 1 is the bootstrap of independent rows. */
  readonly blockRows: number;
  /**
   * `stationary` (default): blocks of geometric length on the series bent to a circle, so that the resampled series is stationary.
   * `moving`: blocks of one length that begin anywhere in the series; its ends are drawn less often.
   */
  readonly kind?: 'stationary' | 'moving';
  /** The same seed draws the same resamples, 32 bits. */
  readonly seed: number;
}

/**
 * Draws resamples of a series that keep what hangs together within a block: each call fills `into` with places of the series. `into` may be
 * longer or shorter than the series. O(length); allocates nothing a call.
 *
 * Source: H. R. Künsch (1989), Annals of Statistics 17, 1217-1241 (moving); D. N. Politis and J. P. Romano (1994), JASA 89, 1303-1313
 * (stationary).
 *
 * const into = new Uint32Array(4); blockResampler({ rows: 1, blockRows: 3, seed: 1 })(into); [...into] // → [0,0,0,0]
 */
export function blockResampler(options: BlockResamplerOptions): (into: Uint32Array) => void {
  const { rows, seed } = options;
  const random = randomIndex(seed);
  return options.kind === 'moving'
    ? (into) => fillMoving(into, rows, Math.max(1, Math.min(rows, Math.round(options.blockRows))), random)
    : (into) => fillStationary(into, rows, 1 / Math.max(1, options.blockRows), random);
}

function fillMoving(into: Uint32Array, rows: number, block: number, random: (count: number) => number): void {
  for (let i = 0; i < into.length;) {
    const start = random(rows - block + 1);
    for (let k = 0; k < block && i < into.length; k += 1, i += 1) into[i] = start + k;
  }
}

function fillStationary(into: Uint32Array, rows: number, chance: number, random: (count: number) => number): void {
  const limit = chance * 2 ** 32;
  let at = 0;
  for (let i = 0; i < into.length; i += 1) {
    at = i === 0 || random(2 ** 32) < limit ? random(rows) : at + 1 === rows ? 0 : at + 1;
    into[i] = at;
  }
}

/** Block lengths, in rows. */
export interface BlockLengths {
  readonly stationary: number;
  readonly moving: number;
}

/** Autocovariances of lags 0 to `lags`, divided by the number of rows. */
function autocovariances(series: ArrayLike<number>, lags: number): Float64Array {
  const rows = series.length;
  let mean = 0;
  for (let i = 0; i < rows; i += 1) mean += series[i] ?? 0;
  mean /= rows;
  const centred = Float64Array.from(series, (value) => value - mean);
  const sums = new Float64Array(lags + 1);
  for (let lag = 0; lag <= lags; lag += 1) {
    let sum = 0;
    for (let i = lag; i < rows; i += 1) sum += (centred[i] ?? 0) * (centred[i - lag] ?? 0);
    sums[lag] = sum / rows;
  }
  return sums;
}

/** First of `quiet` lags in a row with insignificant autocorrelations; -1 when there is none. */
function quietLag(covariances: Float64Array, rows: number, quiet: number): number {
  const limit = 2 * Math.sqrt(Math.log10(rows) / rows) * (covariances[0] ?? 0);
  let run = 0;
  for (let lag = 1; lag < covariances.length; lag += 1) {
    run = Math.abs(covariances[lag] ?? 0) < limit ? run + 1 : 0;
    if (run === quiet) return lag - quiet + 1;
  }
  return -1;
}

/**
 * Block lengths that make the bootstrap variance of the mean nearest to the true one, from the autocovariances of the series; between 1 and min(3
 * √rows, rows / 3). For several statistics take the longest. Series of fewer than 10 rows, or constant: 1. O(rows^1.5).
 *
 * Source: D. N. Politis and H. White (2004), Econometric Reviews 23, 53-70, with the correction of A. Patton, D. N. Politis and H. White (2009),
 * ibid. 28, 372-375; the first quiet lag counts as in the authors' programs (and arch 8.0.0), one more than in the text.
 *
 * @example
 * blockLengths([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) // → {"stationary":1,"moving":1}
 */
export function blockLengths(series: ArrayLike<number>): BlockLengths {
  const rows = series.length;
  if (rows < 10) return { stationary: 1, moving: 1 };
  const quiet = Math.max(5, Math.floor(Math.log10(rows)));
  const lagsMax = Math.ceil(Math.sqrt(rows)) + quiet;
  const covariances = autocovariances(series, Math.min(lagsMax, rows - 1));
  const first = quietLag(covariances, rows, quiet);
  const lags = Math.min(first < 0 ? lagsMax : 2 * first, covariances.length - 1);
  let slope = 0;
  let variance = covariances[0] ?? 0;
  for (let lag = 1; lag <= lags; lag += 1) {
    const weight = Math.min(1, 2 * (1 - lag / lags));
    slope += 2 * weight * lag * (covariances[lag] ?? 0);
    variance += 2 * weight * (covariances[lag] ?? 0);
  }
  const most = Math.ceil(Math.min(3 * Math.sqrt(rows), rows / 3));
  const length = (factor: number): number => {
    const rowsOfBlock = Math.cbrt(((2 * slope * slope) / (factor * variance * variance)) * rows);
    return Number.isNaN(rowsOfBlock) ? 1 : Math.min(most, Math.max(1, rowsOfBlock));
  };
  return { stationary: length(2), moving: length(4 / 3) };
}
