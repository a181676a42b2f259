import { drift } from '@everloop/contracts';
import type { Period } from './newest.ts';

/** Decisions of a period by what they were. */
export interface OutcomeCounts {
  requested: number;
  deferred: number;
  suppressed: number;
  none: number;
  /** Retrainings that something else than drift asked for. */
  others: number;
}

/** How an outcome is called. */
export function outcomeName(outcome: drift.RetrainOutcome): keyof OutcomeCounts {
  switch (outcome) {
    case drift.RetrainOutcome.REQUESTED:
      return 'requested';
    case drift.RetrainOutcome.DEFERRED:
      return 'deferred';
    case drift.RetrainOutcome.SUPPRESSED:
      return 'suppressed';
    case drift.RetrainOutcome.NONE:
    case drift.RetrainOutcome.UNSPECIFIED:
      return 'none';
  }
}

/** Whether a retraining was wanted: by an alarm that its window reached, whatever stood against asking for it. */
export const isWanted = ({ outcome }: drift.Decision): boolean => outcomeName(outcome) !== 'none';

export const noCounts = (): OutcomeCounts => ({ requested: 0, deferred: 0, suppressed: 0, none: 0, others: 0 });

export const isWithin = ({ sinceMs, untilMs }: Period, atMs: number): boolean => atMs >= sinceMs && atMs < untilMs;
