import { drift } from '@everloop/contracts';
import { day } from './fixtures.ts';

const { DRIFTED, STABLE, INSUFFICIENT } = drift.DriftVerdict;

/** D drifted, s stable, c stable and calm, i insufficient. */
export type Letter = 'D' | 's' | 'c' | 'i';

const verdicts = { D: DRIFTED, s: STABLE, c: STABLE, i: INSUFFICIENT } as const;

/** What a window says of one field. */
export function field(psi: number, more: Partial<drift.FieldDrift> = {}): drift.FieldDrift {
  return drift.FieldDrift.fromPartial({ field: 'temp', psi, psiCritical: 0.01, ...more });
}

/** An evaluated window of model m, version 1, that ends at the end of a day. */
export function windowReport(endDay: number, letter: Letter, more: Partial<drift.DriftReport> = {}): drift.DriftReport {
  const psi = { D: 0.5, s: 0.09, c: 0.01, i: 0 }[letter];
  return {
    ...drift.DriftReport.fromPartial({
      ...{ id: `window-${endDay}`, model: 'm', baselineVersion: '1', monitor: 'watch', verdict: verdicts[letter] },
      ...{ windowStartMs: (endDay - 1) * day, windowEndMs: endDay * day, reason: `found ${endDay} ${letter}` },
      fields: letter === 'i' ? [] : [field(psi, { drifted: letter === 'D' })],
    }),
    ...more,
  };
}

/** A quality report of model m, version 1: drifted twice the excess that matters. */
export function qualityReport(
  endDay: number,
  letter: Letter,
  more: Partial<drift.QualityReport> = {},
): drift.QualityReport {
  const excess = { D: 0.2, s: 0.09, c: 0.01, i: 0 }[letter];
  return {
    ...drift.QualityReport.fromPartial({
      ...{ id: `quality-${endDay}`, model: 'm', modelVersion: '1', monitor: 'watch', kind: 'performance' },
      ...{ windowStartMs: (endDay - 1) * day, windowEndMs: endDay * day, verdict: verdicts[letter] },
      ...{ expected: 0.5, observed: 0.5 + excess, maxExcess: 0.1, reason: `found ${endDay} ${letter}` },
    }),
    ...more,
  };
}
