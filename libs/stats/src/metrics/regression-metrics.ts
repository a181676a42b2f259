import { ExactSum, type ExactSumState } from '../numerics/exact-sum.ts';

/** Quality of predicted numbers; NaN without rows. Errors are prediction less label, in the unit of the label. */
export interface RegressionQuality {
  readonly rows: number;
  /** Mean error: above 0 when predictions are too high. */
  readonly bias: number;
  /** Mean absolute error. */
  readonly mae: number;
  /** Square root of the mean squared error. */
  readonly rmse: number;
  /** Share of the variance of the labels that is explained; NaN when they are all equal. Needs labels whose mean is below 1e6 spreads. */
  readonly r2: number;
}

/** What a `RegressionMetrics` holds; equal for equal rows. */
export interface RegressionMetricsState {
  readonly rows: number;
  readonly error: ExactSumState;
  readonly absolute: ExactSumState;
  readonly squared: ExactSumState;
  readonly label: ExactSumState;
  readonly labelSquared: ExactSumState;
}

/**
 * Bias, MAE, RMSE and R² of predicted numbers, in fixed memory (3 KB). Sums are exact (`ExactSum`), so the result is bit for bit the same however the
 * rows are divided, ordered and merged. A row costs O(1) and allocates nothing; rows where the prediction or the label is not finite are left out.
 *
 * Source: the definitions; R² as S. Wright (1921), Journal of Agricultural Research 20, 557-585.
 *
 * const m = new RegressionMetrics(); m.add(2, 1); m.add(3, 5); m.quality().rmse.toFixed(6) // → "1.581139"
 */
export class RegressionMetrics {
  #rows = 0;
  readonly #error = new ExactSum();
  readonly #absolute = new ExactSum();
  readonly #squared = new ExactSum();
  readonly #label = new ExactSum();
  readonly #labelSquared = new ExactSum();

  add(prediction: number, label: number): void {
    const error = prediction - label;
    if (!Number.isFinite(error)) return;
    this.#rows += 1;
    this.#error.add(error);
    this.#absolute.add(Math.abs(error));
    this.#squared.add(error * error);
    this.#label.add(label);
    this.#labelSquared.add(label * label);
  }

  merge(state: RegressionMetricsState): void {
    this.#rows += state.rows;
    this.#error.merge(state.error);
    this.#absolute.merge(state.absolute);
    this.#squared.merge(state.squared);
    this.#label.merge(state.label);
    this.#labelSquared.merge(state.labelSquared);
  }

  state(): RegressionMetricsState {
    return {
      rows: this.#rows,
      error: this.#error.state(),
      absolute: this.#absolute.state(),
      squared: this.#squared.state(),
      label: this.#label.state(),
      labelSquared: this.#labelSquared.state(),
    };
  }

  quality(): RegressionQuality {
    const rows = this.#rows;
    const label = this.#label.value;
    const spread = this.#labelSquared.value - (label * label) / rows;
    return {
      rows,
      bias: this.#error.value / rows,
      mae: this.#absolute.value / rows,
      rmse: Math.sqrt(this.#squared.value / rows),
      r2: spread > 0 ? 1 - this.#squared.value / spread : Number.NaN,
    };
  }
}
