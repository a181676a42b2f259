/** Sums of the errors of predicted numbers, all whole; equal for equal rows. The fields of outcomes.v1.ErrorSums. */
export interface ErrorSumsState {
  readonly rows: number;
  /** Prediction less label, units of 1e-6 of the label's unit. */
  readonly errorMicro: number;
  /** |prediction - label|, the same unit. */
  readonly absoluteMicro: number;
  /** (prediction - label)², units of 1e-6 of the label's unit squared. */
  readonly squaredMicro: number;
}

export const noErrors: ErrorSumsState = { rows: 0, errorMicro: 0, absoluteMicro: 0, squaredMicro: 0 };

/** Quality of predicted numbers from their sums, in the label's unit; NaN without rows. */
export interface ErrorQuality {
  readonly rows: number;
  /** Mean error: above 0 when predictions are too high. */
  readonly bias: number;
  /** Mean absolute error. */
  readonly mae: number;
  /** Root of the mean squared error. */
  readonly rmse: number;
}

const whole = (value: number): number => Math.round(value * 1e6);

/**
 * The sums of one row: each term is rounded to 1e-6 before adding, so that rows may be added, taken away and merged in any order and division and the
 * sums are the same. Exact while sums are below 2^53 (9 billion in the label's unit, or its square), beyond it to 16 digits. Nothing for a row that is
 * not finite.
 *
 * @example
 * errorsOf(2, 5) // → {"rows":1,"errorMicro":-3000000,"absoluteMicro":3000000,"squaredMicro":9000000}
 */
export function errorsOf(prediction: number, label: number): ErrorSumsState {
  const error = prediction - label;
  if (!Number.isFinite(error)) return noErrors;
  return { rows: 1, errorMicro: whole(error), absoluteMicro: whole(Math.abs(error)), squaredMicro: whole(error ** 2) };
}

/**
 * What two hold together, or with `sign` -1 the first without the second.
 *
 * @example
 * addErrors(errorsOf(2, 5), errorsOf(1, 0)).errorMicro // → -2000000
 */
export function addErrors(a: ErrorSumsState, b: ErrorSumsState, sign: 1 | -1 = 1): ErrorSumsState {
  return {
    rows: a.rows + sign * b.rows,
    errorMicro: a.errorMicro + sign * b.errorMicro,
    absoluteMicro: a.absoluteMicro + sign * b.absoluteMicro,
    squaredMicro: a.squaredMicro + sign * b.squaredMicro,
  };
}

/**
 * Bias, MAE and RMSE of what is in the sums.
 *
 * Source: the definitions, as `RegressionMetrics`.
 *
 * @example
 * errorQuality(addErrors(errorsOf(2, 1), errorsOf(3, 5))).rmse.toFixed(6) // → "1.581139"
 */
export function errorQuality({ rows, errorMicro, absoluteMicro, squaredMicro }: ErrorSumsState): ErrorQuality {
  const mean = (micro: number): number => (rows > 0 ? micro / 1e6 / rows : NaN);
  return { rows, bias: mean(errorMicro), mae: mean(absoluteMicro), rmse: Math.sqrt(mean(squaredMicro)) };
}
