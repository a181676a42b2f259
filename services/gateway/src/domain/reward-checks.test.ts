import { servingApi } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewardProblems } from './reward-checks.ts';

const nowMs = 1_000;
const problems = (fields: Partial<servingApi.RewardRequest>, range = { min: 0, max: 1 }): readonly string[] =>
  rewardProblems(servingApi.RewardRequest.fromPartial({ decisionId: 'd', value: 1, ...fields }), range, nowMs);

describe('rewardProblems', () => {
  it.each<[string, Partial<servingApi.RewardRequest>]>([
    ['a reward', {}],
    ['a reward by name', { kind: 'reward', value: 0 }],
    ['a decision that was never acted on', { kind: 'deactivate', value: undefined }],
    ['a clock that is a little ahead', { eventTimeMs: nowMs + 86_400_000 }],
  ])('none with %s', (_name, fields) => {
    expect(problems(fields)).toEqual([]);
  });

  it.each<[string, Partial<servingApi.RewardRequest>, string]>([
    ['no decision', { decisionId: '' }, 'decision_id is missing: it is in the answer that the reward is about'],
    ['an endless key', { idempotencyKey: 'k'.repeat(513) }, 'idempotency_key has 513 characters, at most 512'],
    ['another kind', { kind: 'click' }, "kind 'click' is not known, expected 'reward' or 'deactivate'"],
    ['no value', { value: undefined }, 'value is missing'],
    ['NaN', { value: Number.NaN }, 'value is NaN, expected a finite number'],
    ['infinity', { value: -Infinity }, 'value is -Infinity, expected a finite number'],
    ['NaN with deactivate', { kind: 'deactivate', value: Number.NaN }, 'value is NaN'],
    ['a value out of range', { value: 1.5 }, 'value 1.5 is out of range, expected 0 to 1'],
    ['no time', { eventTimeMs: 1.5 }, 'event_time_ms must be epoch milliseconds'],
    ['a time that is far ahead', { eventTimeMs: 86_401_001 }, 'event_time_ms 86401001 has not come yet'],
  ])('one with %s', (_name, fields, problem) => {
    expect(problems(fields)).toEqual([problem]);
  });

  it('says all of them at once', () => {
    expect(problems({ decisionId: '', value: 2, kind: 'x' })).toHaveLength(3);
  });

  it('takes every value in the range and no other', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true }),
        fc.double({ min: -9, max: 0, noNaN: true }),
        fc.double({ min: 1, max: 9, noNaN: true }),
        (value, min, max) => {
          expect(problems({ value }, { min, max }).length === 0).toBe(value >= min && value <= max);
        },
      ),
    );
  });
});
