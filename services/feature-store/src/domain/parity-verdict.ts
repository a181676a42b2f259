import type { serving } from '@everloop/contracts';
import { isSameValue, type ParityDifference } from '@everloop/features';

/** What came out for one prediction. */
export interface ParityVerdict {
  /** Values that were compared, those left undecided not counted. */
  readonly values: number;
  /** Values that the model cannot have seen by the one definition, whatever was still on its way. */
  readonly differences: readonly ParityDifference[];
  /** Values that were right for what the online rows held: a record that was known already had not come so far. */
  readonly late: readonly ParityDifference[];
  /** Values of which it cannot be told: records came in while it was read, or what the rows held is not known any more. */
  readonly undecided: readonly ParityDifference[];
}

/** A value computed from the records that the online rows held before and after the prediction was made. */
export interface HeldValues {
  readonly before: serving.FeatureValue | undefined;
  readonly after: serving.FeatureValue | undefined;
}

/**
 * Tells differences from records that were late. `held` gives what the online rows must have answered; null when it is not known what
 * they held. `compared`: how many values of the prediction were computed again.
 */
export function verdictOf(
  compared: number,
  found: readonly ParityDifference[],
  held: (feature: string) => HeldValues | null,
): ParityVerdict {
  const verdict = { differences: [], late: [], undecided: [] } as {
    differences: ParityDifference[];
    late: ParityDifference[];
    undecided: ParityDifference[];
  };
  for (const difference of found) {
    const values = held(difference.feature);
    if (values === null) verdict.undecided.push(difference);
    else if ([values.before, values.after].some((value) => isSameValue(difference.served, value)))
      verdict.late.push(difference);
    else if (isSameValue(values.before, values.after)) verdict.differences.push(difference);
    else verdict.undecided.push(difference);
  }
  return { values: compared - verdict.undecided.length, ...verdict };
}
