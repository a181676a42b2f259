import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addSettled, rewardShareNano } from './reward-arms.ts';
import { decodeRewardEntry, encodeRewardEntry } from './reward-codec.ts';
import {
  createRewardsState,
  onDecisions,
  onRewards,
  onRewardsWatermark,
  restoreRewards,
  type RewardsState,
} from './rewards.ts';
import type { Decision, Reward, RewardChanges, RewardRule, SettledReward } from './reward-types.ts';
import type { Arms } from './arms.ts';

const minute = 60_000;
const hour = 60 * minute;
const rule = (fields: Partial<RewardRule> = {}): RewardRule => ({
  ...{ waitMs: hour, defaultValue: 0, aggregate: 'earliest', min: 0, max: 1 },
  ...fields,
});

function decision(decisionId: string, fields: Partial<RewardRule> = {}, decidedAtMs = 0): Decision {
  return {
    ...{ decisionId, model: 'm', modelVersion: '1', action: 'a', unit: 'u', propensity: 0.5, learn: true },
    ...{ decidedAtMs, rule: rule(fields) },
  };
}

function reward(decisionId: string, value: number, fields: Partial<Reward> = {}): Reward {
  const key = `${value}/${fields.eventTimeMs ?? 0}`;
  return { decisionId, kind: 'reward', value, eventTimeMs: minute, key, ...fields };
}

const shown = ({ settled }: RewardChanges): readonly string[] =>
  settled.map(({ state, decision: { decisionId }, value, rewards }) => `${decisionId} ${state} ${value} of ${rewards}`);
const facts = (changes: RewardChanges): object => Object.fromEntries(changes.facts);

describe('a decision and its rewards', () => {
  test('earliest: the first that is read settles it, at once; the next is neither late nor counted', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d')]);
    expect(shown(onRewards(state, [reward('d', 0.25)]))).toEqual(['d rewarded 0.25 of 1']);
    const next = onRewards(state, [reward('d', 1, { eventTimeMs: 2 * minute })]);
    expect(shown(next)).toEqual([]);
    expect(facts(next)).toEqual({ later_reward: 1 });
  });

  test('sum: all of them when the wait is over, not beyond the range', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d', { aggregate: 'sum' }), decision('e', { aggregate: 'sum' })]);
    const given = [reward('d', 0.25), reward('d', 0.5, { eventTimeMs: 2 * minute }), reward('e', 0.75)];
    expect(shown(onRewards(state, [...given, reward('e', 0.75, { key: 'again' })]))).toEqual([]);
    expect(shown(onRewardsWatermark(state, hour))).toEqual([]);
    const changes = onRewardsWatermark(state, hour + 1);
    expect(shown(changes)).toEqual(['d rewarded 0.75 of 2', 'e rewarded 1 of 2']);
    expect(changes.settled[0]?.rewardedAtMs).toBe(2 * minute);
  });

  test('none: the default, once', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d', { defaultValue: 0.125 })]);
    expect(shown(onRewardsWatermark(state, hour + 1))).toEqual(['d defaulted 0.125 of 0']);
    expect(shown(onRewardsWatermark(state, hour + 2))).toEqual([]);
  });

  test.each([
    ['by its own time', (state: RewardsState) => onRewards(state, [reward('d', 1, { eventTimeMs: hour + 1 })])],
    [
      'because the wait is over',
      (state: RewardsState) => {
        onRewardsWatermark(state, hour + 1);
        return onRewards(state, [reward('d', 1)]);
      },
    ],
  ])('late %s: for the record only', (_name, give) => {
    const state = createRewardsState();
    onDecisions(state, [decision('d')]);
    const changes = give(state);
    expect(changes.settled.map(({ state: ended, key }) => [ended, key])).toEqual([
      ['late', expect.stringMatching('1/')],
    ]);
    expect(facts(changes)).toEqual({ late_reward: 1 });
  });

  test('a reward at the end of the wait counts', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d')]);
    expect(shown(onRewards(state, [reward('d', 1, { eventTimeMs: hour })]))).toEqual(['d rewarded 1 of 1']);
  });

  test('deactivated: no reward, not even the default; what comes then is late', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d', { aggregate: 'sum' })]);
    onRewards(state, [reward('d', 1)]);
    const ended = onRewards(state, [reward('d', 0, { kind: 'deactivate', key: 'off' })]);
    expect(shown(ended)).toEqual(['d inactive 0 of 0']);
    expect(shown(onRewards(state, [reward('d', 0.5)]))).toEqual(['d late 0.5 of 0']);
    expect(shown(onRewardsWatermark(state, hour + 1))).toEqual([]);
  });

  test('repeats of a reward and of a decision are no-ops, also when it is settled', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d'), decision('s', { aggregate: 'sum' })]);
    onRewards(state, [reward('d', 1), reward('s', 0.5)]);
    const again = onRewards(state, [reward('d', 1), reward('s', 0.5), reward('s', 0.5)]);
    expect([shown(again), facts(again)]).toEqual([[], { duplicate_reward: 3 }]);
    const repeated = onDecisions(state, [decision('d'), decision('s')]);
    expect([shown(repeated), facts(repeated)]).toEqual([[], { duplicate_decision: 2 }]);
    expect(shown(onRewardsWatermark(state, hour + 1))).toEqual(['s rewarded 0.5 of 1']);
    const after = onRewards(state, [reward('s', 0.5)]);
    expect([shown(after), facts(after)]).toEqual([[], { duplicate_reward: 1 }]);
  });

  test('what is not in the range of the rule is left out', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d', { min: -1, max: 2 })]);
    const changes = onRewards(state, [reward('d', 3), reward('d', -1.5), reward('d', -1)]);
    expect(shown(changes)).toEqual(['d rewarded -1 of 1']);
    expect(facts(changes)).toEqual({ reward_out_of_range: 2 });
  });

  test('a reward may be read before its decision, and be earlier by a clock that is behind', () => {
    const state = createRewardsState();
    const early = [
      reward('d', 0.5),
      reward('d', 1, { eventTimeMs: 2 * minute }),
      reward('late', 1, { eventTimeMs: 2 * hour }),
    ];
    onRewards(state, early);
    expect(shown(onDecisions(state, [decision('d', {}, 3 * minute), decision('late')]))).toEqual([
      'd rewarded 0.5 of 1',
      'late late 1 of 0',
    ]);
  });

  test('a reward without a decision is held no longer than the decision could come', () => {
    const state = createRewardsState();
    onRewards(state, [reward('x', 1), reward('x', 0.5)]);
    expect(facts(onRewardsWatermark(state, 6 * minute))).toEqual({});
    const changes = onRewardsWatermark(state, 6 * minute + 1);
    expect(facts(changes)).toEqual({ reward_without_decision: 2 });
    expect([...changes.entries]).toEqual([['x', null]]);
    expect(facts(onRewards(state, [reward('y', 1)]))).toEqual({ reward_without_decision: 1 });
    expect(state.entries.size).toBe(0);
  });

  test('what is settled is forgotten when nothing can repeat it any more', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d')]);
    onRewardsWatermark(state, hour + 1);
    onRewardsWatermark(state, 2 * hour);
    expect(state.entries.size).toBe(1);
    expect([...onRewardsWatermark(state, 2 * hour + 1).entries]).toEqual([['d', null]]);
    expect(state.entries.size).toBe(0);
  });

  test('takes no more rewards for one decision than memory allows', () => {
    const state = createRewardsState();
    onDecisions(state, [decision('d', { aggregate: 'sum', max: 1_000 })]);
    const many = Array.from({ length: 300 }, (_, index) => reward('d', 1, { key: String(index) }));
    expect(facts(onRewards(state, many))).toEqual({ rewards_per_decision_exceeded: 44 });
    expect(shown(onRewardsWatermark(state, hour + 1))).toEqual(['d rewarded 256 of 256']);
  });
});

describe('what arms have earned', () => {
  const settled = (fields: Partial<SettledReward>, about: Partial<Decision> = {}): SettledReward => ({
    ...{ state: 'rewarded', value: 0.5, rewards: 1, rewardedAtMs: 0, key: '' },
    ...fields,
    decision: { ...decision('d', { min: -1, max: 1 }), ...about },
  });
  const earned = (...all: readonly SettledReward[]): object => {
    const arms: Arms = new Map();
    addSettled(arms, all);
    return Object.fromEntries(
      [...arms].map(([key, totals]) => [key.replaceAll('\0', '/'), [totals.matured, totals.rewardNano]]),
    );
  };

  test.each<[string, SettledReward, object]>([
    ['a fractional reward', settled({}), { 'm/version/1': [1, 750_000_000], 'm/action/a': [1, 750_000_000] }],
    ['the default', settled({ state: 'defaulted', value: -1 }), { 'm/version/1': [1, 0], 'm/action/a': [1, 0] }],
    ['a late one', settled({ state: 'late' }), {}],
    ['an inactive one', settled({ state: 'inactive', value: 0 }), {}],
    ['a version that somebody named', settled({}, { learn: false }), { 'm/action/a': [1, 750_000_000] }],
    ['a fallback, which nobody drew', settled({}, { learn: false, propensity: 0 }), {}],
    ['a model that does not choose', settled({}, { action: '' }), { 'm/version/1': [1, 750_000_000] }],
  ])('%s', (_name, one, expected) => {
    expect(earned(one)).toEqual(expected);
  });

  test('are whole numbers, so that any order gives the same', () => {
    const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { maxLength: 20 });
    fc.assert(
      fc.property(values, (list) => {
        const all = list.map((value) => settled({ value }));
        expect(earned(...all.toReversed())).toEqual(earned(...all));
      }),
    );
    expect(rewardShareNano(5, { min: 0, max: 10 })).toBe(500_000_000);
  });
});

/** One step of a history: a decision or a reward is read, or a crash loses all that is not in the changelog. */
type Step = { readonly kind: 'decision' | 'reward'; readonly at: number } | { readonly kind: 'crash' };

/** Plays decisions and rewards, each topic in its own order; what the changelog says is all that outlives a crash. */
function play(decisions: readonly Decision[], rewards: readonly Reward[], steps: readonly Step[]): readonly string[] {
  let state = createRewardsState();
  const log = new Map<string, string>();
  const out: string[] = [];
  const done = (changes: RewardChanges): void => {
    out.push(...shown(changes));
    for (const [id, entry] of changes.entries) {
      if (entry === null) log.delete(id);
      else log.set(id, encodeRewardEntry(entry));
    }
  };
  for (const step of steps) {
    if (step.kind === 'crash') {
      state = createRewardsState();
      for (const [id, text] of log) restoreRewards(state, id, decodeRewardEntry(text));
    } else if (step.kind === 'decision') done(onDecisions(state, decisions.slice(step.at, step.at + 1)));
    else done(onRewards(state, rewards.slice(step.at, step.at + 1)));
  }
  done(onRewardsWatermark(state, 3 * hour));
  return out.sort();
}

test('what decisions are worth does not depend on which topic is read first, on repeats or on crashes', () => {
  const ids = ['p', 'q', 'r'];
  const decisions = fc.record({
    aggregate: fc.constantFrom('earliest' as const, 'sum' as const),
    times: fc.tuple(fc.nat(hour), fc.nat(hour), fc.nat(hour)),
  });
  const rewards = fc.array(
    fc.record({
      id: fc.constantFrom(...ids),
      value: fc.integer({ min: 0, max: 8 }).map((eighths) => eighths / 8),
      atMs: fc.nat(3 * hour),
      key: fc.constantFrom('k1', 'k2', 'k3'),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(decisions, rewards, fc.infiniteStream(fc.nat(4)), ({ aggregate, times }, given, choices) => {
      const made = ids.map((id, at) => decision(id, { aggregate }, times[at] ?? 0));
      const told = given.map(({ id, value, atMs, key }) => reward(id, value, { eventTimeMs: atMs, key }));
      const inOrder: Step[] = [
        ...made.map((_, at) => ({ kind: 'decision' as const, at })),
        ...told.map((_, at) => ({ kind: 'reward' as const, at })),
      ];
      const mixed: Step[] = [];
      let [nextDecision, nextReward] = [0, 0];
      while (nextDecision < made.length || nextReward < told.length) {
        const choice = choices.next().value ?? 0;
        if (choice === 4) mixed.push({ kind: 'crash' });
        else if (choice === 3 && nextReward > 0) mixed.push({ kind: 'reward', at: nextReward - 1 });
        else if (choice < 2 && nextDecision < made.length) mixed.push({ kind: 'decision', at: nextDecision++ });
        else if (nextReward < told.length) mixed.push({ kind: 'reward', at: nextReward++ });
        else mixed.push({ kind: 'decision', at: nextDecision++ });
      }
      expect(play(made, told, mixed)).toEqual(play(made, told, inOrder));
    }),
    { numRuns: 300 },
  );
});
