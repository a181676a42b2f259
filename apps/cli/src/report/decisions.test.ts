import { outcomes, serving } from '@everloop/contracts';
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
});
