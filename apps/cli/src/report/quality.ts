import { auc, logLoss } from '@everloop/stats';
import type { Quality } from './types.ts';

/** Rounded to 6 digits after the point, so that equal replays print equal reports; null for NaN. */
export function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1e6) / 1e6 : null;
}

/** The scores that one request got from what was serving and from the version that is never retrained. */
interface Pair {
  readonly span: string;
  served: number;
  first: number;
  /** The newest: outcomes are corrected in order. */
  label: number;
}

/** A labelled score, as an outcome says it. */
export interface LabelledScore {
  readonly joinKey: string;
  /** Part of the time that the prediction is in, such as its month `YYYY-MM`. */
  readonly span: string;
  readonly score: number;
  /** 0 or 1. */
  readonly label: number;
  /** It was returned to the client, not computed by a shadow. */
  readonly isServed: boolean;
  /** It comes from the first version, served or shadowed. */
  readonly isFirst: boolean;
}

const empty: Quality = {
  rows: 0,
  positives: 0,
  aucServed: null,
  aucNeverRetrained: null,
  logLossServed: null,
  logLossNeverRetrained: null,
};

/** Compares what was served with the never-retrained first version over the same requests. About 200 bytes a request. */
export class QualityFold {
  readonly #pairs = new Map<string, Pair>();

  add(row: LabelledScore): void {
    let pair = this.#pairs.get(row.joinKey);
    if (pair === undefined) {
      pair = { span: row.span, served: Number.NaN, first: Number.NaN, label: row.label };
      this.#pairs.set(row.joinKey, pair);
    }
    pair.label = row.label;
    if (row.isServed) pair.served = row.score;
    if (row.isFirst) pair.first = row.score;
  }

  /** Labelled served predictions of a span. */
  labelled(span: string): number {
    let count = 0;
    for (const pair of this.#pairs.values()) if (pair.span === span && !Number.isNaN(pair.served)) count += 1;
    return count;
  }

  /** Quality over the spans that `includes` accepts, over requests that have both scores. */
  quality(includes: (span: string) => boolean): Quality {
    const keys: string[] = [];
    for (const [key, pair] of this.#pairs) {
      if (!Number.isNaN(pair.served) && !Number.isNaN(pair.first) && includes(pair.span)) keys.push(key);
    }
    if (keys.length === 0) return empty;
    const pairs = keys.sort().flatMap((key) => this.#pairs.get(key) ?? []);
    const labels = Float64Array.from(pairs, (pair) => pair.label);
    const served = Float64Array.from(pairs, (pair) => pair.served);
    const first = Float64Array.from(pairs, (pair) => pair.first);
    return {
      rows: pairs.length,
      positives: labels.reduce((sum, label) => sum + label, 0),
      aucServed: rounded(auc(served, labels)),
      aucNeverRetrained: rounded(auc(first, labels)),
      logLossServed: rounded(logLoss(served, labels)),
      logLossNeverRetrained: rounded(logLoss(first, labels)),
    };
  }
}
