import { describe, expect, it } from 'vitest';
import { ledgerReport } from './ledger.ts';
import type { ReplayCounts } from './replay-counts.ts';

const source = {
  topic: 't',
  records: 10,
  replayed: 0,
  valid: 9,
  quarantined: 1,
  missing: 0,
  duplicated: 0,
  inBoth: 0,
  unknown: 0,
};
const counts: ReplayCounts = {
  complete: true,
  fromMs: 0,
  untilMs: 1,
  steps: 1,
  stepsWithoutModel: 0,
  produced: { t: { records: 10, broken: 1, markers: 2 } },
  predictions: { wanted: 3, asked: 2, answered: 2, unanswered: 1, failed: 0, failures: {} },
  wallSeconds: 1,
};

describe('ledgerReport', () => {
  it('balances when all counts agree', () => {
    const report = ledgerReport(counts, [source], []);
    expect(report).toMatchObject({ balanced: true, problems: [] });
    expect(report.checks).toHaveLength(3);
  });

  it('balances after records came back from the quarantine, and not with fewer than came back', () => {
    const replayed = { ...source, records: 13, valid: 12, replayed: 3 };
    const report = ledgerReport(counts, [replayed], []);
    expect(report.problems).toEqual([]);
    expect(report.checks[0]?.detail).toBe(
      '10 produced (1 broken on purpose) + 3 sent back from the quarantine = 13 stored',
    );
    expect(ledgerReport(counts, [{ ...replayed, records: 12 }], []).balanced).toBe(false);
  });

  it.each([
    ['a record that was lost', counts, { ...source, missing: 1 }, '1 missing'],
    [
      'a record that was never stored',
      counts,
      { ...source, records: 9 },
      '10 produced (1 broken on purpose) = 9 stored',
    ],
    ['a failed question', { ...counts, predictions: { ...counts.predictions, failed: 1 } }, source, '1 failed'],
  ])('finds %s', (_name, given, balance, said) => {
    const report = ledgerReport(given, [balance], []);
    expect(report.balanced).toBe(false);
    expect(report.problems.join()).toContain(said);
  });
});
