import { outcomes, type PerformanceSpec } from '@everloop/contracts';
import { addErrors, addSparseCounts, errorsOf, noErrors, ScoreSums, scoreBin, sparseCounts } from '@everloop/stats';
import { mergeHours, type OutcomeHour } from '../src/quality/outcomes.ts';
import type { QualityWindow } from '../src/quality/performance.ts';
import { uniforms } from './fixtures.ts';

const hourMs = 3_600_000;

export const performance: PerformanceSpec = {
  ...{ windowMs: 24 * hourMs, minLabelled: 200, maxLogLossExcess: 0.05, confidence: 0.95, estimate: true },
  ...{ slices: [], sliceMinLabelled: 50 },
};

export interface HourOptions {
  readonly rows?: number;
  /** Moves the log odds of the label away from those of the score. */
  readonly wrong?: number;
  /** Scores are uniform from here to 1. */
  readonly from?: number;
  readonly version?: string;
  readonly slice?: string;
  /** Labels have not come. */
  readonly isOpen?: boolean;
}

/** Seeds that follow each other give draws that follow each other; of mixed ones the hours are independent (finaliser of MurmurHash3). */
function mixed(seed: number): number {
  let bits = Math.imul(seed ^ (seed / 2 ** 32), 0x9e3779b1);
  for (const factor of [0x85ebca6b, 0xc2b2ae35]) bits = Math.imul(bits ^ (bits >>> 16), factor);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Outcomes of a version whose scores are right but for `wrong`, in the hour number `hour`. */
export function outcomeHourOf(seed: number, hour: number, options: HourOptions = {}): OutcomeHour {
  const { rows = 60, wrong = 0, from = 0, version = '1', slice = '', isOpen = false } = options;
  const next = uniforms(mixed(seed));
  const sums = new ScoreSums();
  const scores = new Float64Array(200);
  for (let i = 0; i < rows; i += 1) {
    const score = 0.02 + 0.96 * (from + (1 - from) * next());
    const truth = 1 / (1 + Math.exp(-Math.log(score / (1 - score)) - wrong));
    const label = next() < truth ? 1 : 0;
    const bin = scoreBin(score, 200);
    scores[bin] = (scores[bin] ?? 0) + 1;
    if (!isOpen) sums.add(score, label);
  }
  const identity = { model: 'm', version, slice, hourMs: hour * hourMs, predictions: rows, expired: 0 };
  return {
    ...sums.state(),
    ...identity,
    predictedScores: sparseCounts(addSparseCounts(scores, undefined)),
    errors: null,
  };
}

/** Outcomes of a version that predicts numbers, whose errors are uniform within one unit of `bias`. */
export function numberHourOf(seed: number, hour: number, { rows = 60, bias = 0 } = {}): OutcomeHour {
  const next = uniforms(mixed(seed));
  let errors = noErrors;
  for (let i = 0; i < rows; i += 1) errors = addErrors(errors, errorsOf(10 + bias + 2 * next() - 1, 10));
  return {
    ...outcomeHourOf(seed, hour, { rows, isOpen: true }),
    labelled: rows,
    predictedScores: { bins: [], counts: [] },
    errors,
  };
}

/** The window of day number `day`, with one seed for each hour. */
export function dayWindow(
  seed: number,
  day: number,
  options: HourOptions | ((hour: number) => HourOptions) = {},
): QualityWindow {
  const hours = Array.from({ length: 24 }, (_, i) =>
    outcomeHourOf(seed * 1_000 + i, day * 24 + i, typeof options === 'function' ? options(i) : options),
  );
  const startMs = day * 24 * hourMs;
  return {
    monitor: 'watch',
    model: 'm',
    version: hours[0]?.version ?? '1',
    slice: hours[0]?.slice ?? '',
    metric: 'logLoss',
    startMs,
    endMs: startMs + 24 * hourMs,
    hours,
  };
}

/**
 * The windows of one day, of all predictions and of each slice: these have their share of the rows (they do not overlap), are wrong by their own
 * amount, and are part of all.
 */
export function slicedDay(
  seed: number,
  day: number,
  { rows, slices }: { readonly rows: number; readonly slices: readonly HourOptions[] },
): readonly QualityWindow[] {
  const rest = rows - slices.reduce((sum, slice) => sum + (slice.rows ?? 0), 0);
  const parts = [{ rows: rest }, ...slices].map((options, i) => dayWindow(seed * 31 + i, day, options));
  const [others, ...own] = parts;
  if (others === undefined) return [];
  const hours = others.hours.map((_, i) => mergeHours(parts.flatMap((part) => part.hours[i] ?? [])));
  return [{ ...others, hours }, ...own];
}

/** Statistics as the outcomes service writes them. */
export function statsOf(hour: OutcomeHour, over: Partial<outcomes.OutcomeStats> = {}): outcomes.OutcomeStats {
  const { version, ...rest } = hour;
  return outcomes.OutcomeStats.fromJSON(
    outcomes.OutcomeStats.toJSON(
      outcomes.OutcomeStats.fromPartial({ ...rest, modelVersion: version, arm: 'champion', ...over } as object),
    ),
  );
}
