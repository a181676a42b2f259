import { eventId, isLogged, outcomes, serving } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { DecisionLedger } from './decisions.ts';

const inference = (decisionId: string, arm = 'champion', eventTimeMs = 100): serving.Inference =>
  serving.Inference.fromPartial({ decisionId, arm, model: 'm', modelVersion: '1', eventTimeMs });
const outcome = (decisionId: string): outcomes.Outcome =>
  outcomes.Outcome.fromPartial({ decisionId, kind: outcomes.OutcomeKind.LABELLED });

function ledgerOf(inferences: readonly serving.Inference[], settled: readonly string[]): DecisionLedger {
  const ledger = new DecisionLedger();
  for (const one of inferences) ledger.addInference(one);
  for (const id of settled) ledger.addOutcome(outcome(id));
  return ledger;
}
const verdicts = (ledger: DecisionLedger, answered: number | null, overdueMs: number | null): boolean[] =>
  ledger.checks(answered, overdueMs).map(({ ok }) => ok);

describe('DecisionLedger', () => {
  it('balances when all is settled', () => {
    const ledger = ledgerOf([inference('a'), inference('b', 'canary'), inference('c', 'shadow')], ['a', 'b', 'c']);
    expect(verdicts(ledger, 2, 1_000)).toEqual([true, true, true]);
    expect(ledger.answers.get('m/1')).toEqual({ firstMs: 100, count: 2 });
  });

  it('takes corrections of an outcome, and of nothing for what they are', () => {
    const ledger = ledgerOf([inference('a')], ['a']);
    ledger.addOutcome({ ...outcome('a'), revision: 1 });
    ledger.addOutcome({ ...outcome('a'), revision: 2 });
    expect(verdicts(ledger, 1, 1_000)).toEqual([true, true, true]);
    ledger.addOutcome({ ...outcome('b'), revision: 1 });
    expect(verdicts(ledger, 1, 1_000)).toEqual([true, true, false]);
  });

  it('counts a record of a sampled log as the predictions that it stands for', () => {
    const sampled = (id: string): serving.Inference => ({ ...inference(id), inclusionProbability: 0.25 });
    expect(ledgerOf([sampled('a'), sampled('b')], []).answers.get('m/1')?.count).toBe(8);
  });

  it('lets the young wait and names the overdue', () => {
    const ledger = ledgerOf([inference('a')], []);
    expect(verdicts(ledger, 1, 100)).toEqual([true, true, true]);
    expect(verdicts(ledger, 1, 101)).toEqual([true, true, false]);
    expect(verdicts(ledger, 1, null)).toEqual([true, true, true]);
  });

  it.each([
    ['an answer without a log record', ledgerOf([], []), 1, [false, true, true]],
    ['a log record twice', ledgerOf([inference('a'), inference('a')], ['a']), 2, [true, false, true]],
    ['two outcomes', ledgerOf([inference('a')], ['a', 'a']), 1, [true, true, false]],
    ['an outcome of nothing', ledgerOf([inference('a')], ['a', 'z']), 1, [true, true, false]],
  ])('finds %s', (_name, ledger, answered, expected) => {
    expect(verdicts(ledger, answered, 1_000)).toEqual(expected);
  });

  it('says nothing about answers that nobody counted', () => {
    expect(ledgerOf([], []).checks(null, null)).toHaveLength(2);
  });

  describe('of a log that has a share', () => {
    /** Served records that a gateway would have logged of so many predictions. */
    function logged(made: number, share: number, model = 'm'): serving.Inference[] {
      const ids = Array.from({ length: made }, (_, n) => eventId('decision', model, String(n)));
      const kept = ids.filter((id) => isLogged(id, share));
      return kept.map((id) => ({ ...inference(id), model, inclusionProbability: share < 1 ? share : 0 }));
    }
    const ledger = (...records: serving.Inference[][]): DecisionLedger => {
      const found = new DecisionLedger([0.1]);
      for (const record of records.flat()) found.addInference(record);
      return found;
    };

    it.each([
      [200_000, 0.02],
      [20_000, 0.1],
      [20_000, 0.5],
      [3_000, 0.9],
      [40, 0.1],
      [3, 0.1],
    ])('balances with the %d answers of which %d are logged, and not with a fifth more', (made, share) => {
      const records = logged(made, share);
      expect(verdicts(ledger(records), made, null)).toEqual([true, true, true, true]);
      if (made < 1_000) return;
      expect(verdicts(ledger(records), Math.round(made * 1.2), null)[0]).toBe(false);
      expect(verdicts(ledger(records), Math.round(made * 0.8), null)[0]).toBe(false);
      expect(Math.abs(ledger(records).represented - made) / made).toBeLessThan(0.1);
    });

    it('adds models with shares to those of which all is logged', () => {
      const records = [logged(20_000, 0.1), logged(7_000, 1, 'whole'), logged(10_000, 0.5, 'half')];
      expect(verdicts(ledger(...records), 37_000, null)).toEqual([true, true, true, true]);
      expect(verdicts(ledger(...records), 44_000, null)[0]).toBe(false);
    });

    it('finds records that are lost, and records outside of the share', () => {
      const records = logged(20_000, 0.1);
      expect(verdicts(ledger(records.slice(0, records.length * 0.7)), 20_000, null)).toEqual([false, true, true, true]);
      const [stranger = ''] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
        .map((name) => eventId('decision', name))
        .filter((id) => !isLogged(id, 0.1));
      const more = [...records, { ...inference(stranger), inclusionProbability: 0.1 }];
      expect(verdicts(ledger(more), 20_000, null)).toEqual([true, false, true, true]);
    });

    it('knows a share again by what was logged, not by the inverse of its inverse', () => {
      const found = new DecisionLedger([0.013]);
      for (const record of logged(20_000, 0.013)) found.addInference(record);
      expect(found.checks(20_000, null)[0]?.detail).toContain('shares of 0.013 among them');
    });

    it('is exact where no Model logs a share', () => {
      const whole = new DecisionLedger([1]);
      for (const record of logged(100, 1)) whole.addInference(record);
      expect(verdicts(whole, 100, null)).toEqual([true, true, true]);
      expect(verdicts(whole, 101, null)).toEqual([false, true, true]);
    });
  });
});
