import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RewardReceived } from './gen/everloop/serving/v1/decision.ts';
import { rewardKey } from './reward-key.ts';

test('is the key that was given, else what the reward says', () => {
  const reward = RewardReceived.fromPartial({ decisionId: 'd', value: 1, source: 'shop' });
  expect(rewardKey({ ...reward, idempotencyKey: 'k' })).toBe('k');
  expect(rewardKey(reward)).toBe(rewardKey({ ...reward }));
  const others = [{ value: 2 }, { kind: 'deactivate' }, { eventTimeMs: 1 }, { source: 'web' }];
  const keys = new Set([reward, ...others.map((other) => ({ ...reward, ...other }))].map(rewardKey));
  expect(keys.size).toBe(5);
});

test('does not run fields together', () => {
  const parts = fc.record({ kind: fc.string(), source: fc.string() });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const key = (fields: object): string => rewardKey(RewardReceived.fromPartial(fields));
      expect(key(a) === key(b)).toBe(a.kind === b.kind && a.source === b.source);
    }),
  );
});
