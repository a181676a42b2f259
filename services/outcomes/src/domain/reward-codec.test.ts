import { decisions, rewardKey, rewards } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDecision, decodeRewardEntry, encodeRewardEntry, encodeSettled, readReward } from './reward-codec.ts';
import type { RewardEntry } from './reward-types.ts';

const json = (fields: object): Buffer => Buffer.from(JSON.stringify(fields));

describe('a reward from its topic', () => {
  test('may say as little as its decision and a value', () => {
    expect(readReward(json({ decisionId: 'd', value: 0.5 }), 7)).toEqual({
      ...{ decisionId: 'd', kind: 'reward', value: 0.5, eventTimeMs: 7 },
      key: rewardKey(decisions.RewardReceived.fromPartial({ decisionId: 'd', value: 0.5 })),
    });
    const full = { decisionId: 'd', value: 0, kind: 'deactivate', eventTimeMs: 9, idempotencyKey: 'k', source: 'shop' };
    expect(readReward(json(full), 7)).toEqual({
      ...{ decisionId: 'd', kind: 'deactivate', value: 0, eventTimeMs: 9, key: 'k' },
    });
  });

  test.each<[string, Buffer | null]>([
    ['nothing', null],
    ['no JSON', Buffer.from('{')],
    ['no decision', json({ value: 1 })],
    ['another kind', json({ decisionId: 'd', kind: 'click', value: 1 })],
    ['no number', json({ decisionId: 'd', value: 'NaN' })],
    ['an infinite number', json({ decisionId: 'd', value: 'Infinity' })],
    ['an endless id', json({ decisionId: 'd'.repeat(513), value: 1 })],
    ['an endless key', json({ decisionId: 'd', value: 1, idempotencyKey: 'k'.repeat(513) })],
  ])('is none with %s', (_name, value) => {
    expect(readReward(value, 0)).toBeNull();
  });
});

test('a decision says how its reward is made up', () => {
  const bytes = decisions.Decision.encode(
    decisions.Decision.fromPartial({
      ...{ decisionId: 'd', model: 'm', modelVersion: '2', unit: 'u', propensity: 0.25, learn: true, eventTimeMs: 5 },
      choice: { action: 'left' },
      rule: { waitMs: 10, defaultValue: 0.5, aggregate: 'sum', min: -1, max: 2 },
    }),
  ).finish();
  expect(decodeDecision(bytes)).toEqual({
    ...{ decisionId: 'd', model: 'm', modelVersion: '2', action: 'left', unit: 'u', propensity: 0.25, learn: true },
    ...{ decidedAtMs: 5, rule: { waitMs: 10, defaultValue: 0.5, aggregate: 'sum', min: -1, max: 2 } },
  });
  const settled = encodeSettled({
    ...{ state: 'rewarded', decision: decodeDecision(bytes), value: 0.75, rewards: 2, rewardedAtMs: 8, key: '' },
  });
  expect(rewards.RewardSettled.decode(settled)).toEqual({
    ...{ decisionId: 'd', model: 'm', modelVersion: '2', action: 'left', unit: 'u', propensity: 0.25, learn: true },
    ...{ state: rewards.RewardState.REWARDED, value: 0.75, rewards: 2, decidedAtMs: 5, rewardedAtMs: 8 },
    idempotencyKey: '',
  });
});

test('an entry of the changelog is the same again', () => {
  const reward = fc.record({
    decisionId: fc.string(),
    kind: fc.constantFrom('reward' as const, 'deactivate' as const),
    value: fc.integer().map((value) => value / 8),
    eventTimeMs: fc.nat(),
    key: fc.string(),
  });
  const entry = fc.record<RewardEntry>({
    decision: fc.constant(null),
    isSettled: fc.boolean(),
    keys: fc.array(fc.string()).map((keys) => new Set(keys)),
    early: fc.array(reward),
    total: fc.integer(),
    rewards: fc.nat(),
    rewardedAtMs: fc.nat(),
  });
  fc.assert(
    fc.property(entry, (one) => {
      expect(decodeRewardEntry(encodeRewardEntry(one))).toEqual(one);
    }),
  );
});
