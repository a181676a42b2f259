import { readFileSync } from 'node:fs';
import { ServiceError } from '@everloop/service';

/** What the producer and the client application say they did; written by `replay --report-input`. */
export interface ReplayCounts {
  readonly complete: boolean;
  /** Event time covered, [fromMs, untilMs), epoch milliseconds UTC. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly steps: number;
  readonly stepsWithoutModel: number;
  readonly produced: Readonly<
    Record<string, { readonly records: number; readonly broken: number; readonly markers: number }>
  >;
  readonly predictions: {
    readonly wanted: number;
    readonly asked: number;
    readonly answered: number;
    readonly unanswered: number;
    readonly failed: number;
    readonly failures: Readonly<Record<string, number>>;
  };
  readonly wallSeconds: number;
}

/** Reads the file that the replayer wrote. Throws EVL_REPORT_INPUT_INVALID. */
export function readReplayCounts(path: string): ReplayCounts {
  try {
    const counts = JSON.parse(readFileSync(path, 'utf8')) as ReplayCounts;
    if (typeof counts.produced !== 'object' || typeof counts.predictions.answered !== 'number') {
      throw new Error('the counts "produced" and "predictions" are missing');
    }
    return counts;
  } catch (error) {
    const message = `${path} is not what \`replay --report-input\` writes`;
    throw new ServiceError({ code: 'EVL_REPORT_INPUT_INVALID', kind: 'terminal', message, cause: error });
  }
}
