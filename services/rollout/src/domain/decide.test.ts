import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RolloutSpec } from '@everloop/contracts';
import { dayMs, decide, type Effect } from './decide.ts';
import { newModelState, withCandidate, withStats, type ModelState, type StatsDelta } from './state.ts';

const spec: RolloutSpec = {
  model: 'm',
  strategy: 'canary',
  challengers: [],
  targets: [],
  shadows: [],
  steps: [
    { weight: 0.1, holdMs: dayMs },
    { weight: 0.5, holdMs: dayMs },
  ],
  minOutcomes: 50,
  maxLogLossExcess: 0.05,
  maxHoldMs: 5 * dayMs,
  shadowFirst: true,
};
const t0 = 10 * dayMs;
/** `labelled` outcomes of this mean log loss and standard deviation, nats. */
const nats = (labelled: number, mean: number, deviation = 0.1) => ({
  labelled,
  logLossNano: Math.round(labelled * mean * 1e9),
  logLossSquaredMicro: Math.round(labelled * (mean ** 2 + deviation ** 2) * 1e6),
});
const delta = (version: string, arm: string, labelled: number, mean: number, deviation?: number): StatsDelta => ({
  version,
  arm,
  dayMs: t0,
  settledAtMs: t0,
  ...nats(labelled, mean, deviation),
});
const summary = (effects: readonly Effect[]): readonly string[] =>
  effects.map((effect) =>
    effect.kind === 'step'
      ? `step ${effect.action} ${effect.version} ${effect.canaryWeight}`
      : `stage ${effect.version} ${effect.stage}`,
  );

function serving(): ModelState {
  return decide(withCandidate(newModelState('m'), { version: '1', approvedAtMs: 0 }), spec, t0).state;
}
function inCanary(): ModelState {
  return decide(withCandidate(serving(), { version: '2', approvedAtMs: t0 }), spec, t0).state;
}

describe('decide', () => {
  it('serves the first approved version at once', () => {
    const decision = decide(withCandidate(newModelState('m'), { version: '1', approvedAtMs: 5 }), spec, 5);
    expect(summary(decision.effects)).toEqual(['stage 1 production', 'step promoted 1 0']);
    expect(decision.state).toMatchObject({ champion: '1', first: '1', previous: null, waiting: [] });
  });

  it('waits for the event time of an approval', () => {
    const state = withCandidate(newModelState('m'), { version: '1', approvedAtMs: 6 });
    expect(decide(state, spec, 5)).toEqual({ state, effects: [] });
  });

  it('gives a later version the first step', () => {
    const decision = decide(withCandidate(serving(), { version: '2', approvedAtMs: t0 }), spec, t0);
    expect(summary(decision.effects)).toEqual(['step canary 2 0.1']);
  });

  it('tries only the newest of several that wait', () => {
    const both = withCandidate(withCandidate(serving(), { version: '3', approvedAtMs: t0 }), {
      version: '2',
      approvedAtMs: t0 - 1,
    });
    expect(summary(decide(both, spec, t0).effects)).toEqual([
      'stage 2 archived',
      'step rolled-back 2 0',
      'step canary 3 0.1',
    ]);
  });

  it.each([
    [
      'before the hold is over nothing happens',
      dayMs - 1,
      [delta('2', 'canary', 500, 0.3), delta('1', 'champion', 500, 0.4)],
      [],
    ],
    [
      'better outcomes advance',
      dayMs,
      [delta('2', 'canary', 50, 0.3), delta('1', 'champion', 50, 0.4)],
      ['step advanced 2 0.5'],
    ],
    [
      'a little worse is tolerated',
      dayMs,
      [delta('2', 'canary', 50, 0.44), delta('1', 'champion', 50, 0.4)],
      ['step advanced 2 0.5'],
    ],
    [
      'worse beyond tolerance goes back',
      dayMs,
      [delta('2', 'canary', 50, 0.46), delta('1', 'champion', 50, 0.4)],
      ['stage 2 archived', 'step rolled-back 2 0'],
    ],
    [
      'worse, but perhaps by chance, holds',
      dayMs,
      [delta('2', 'canary', 50, 0.5, 0.8), delta('1', 'champion', 500, 0.4, 0.8)],
      ['step held 2 0.1'],
    ],
    [
      'too few canary outcomes hold',
      dayMs,
      [delta('2', 'canary', 49, 0.1), delta('1', 'champion', 500, 0.4)],
      ['step held 2 0.1'],
    ],
    [
      'too few champion outcomes hold',
      dayMs,
      [delta('2', 'canary', 500, 0.1), delta('1', 'champion', 49, 0.4)],
      ['step held 2 0.1'],
    ],
    ['no data never promotes', 4 * dayMs, [], ['step held 2 0.1']],
    ['held for too long goes back', 5 * dayMs, [], ['stage 2 archived', 'step rolled-back 2 0']],
    [
      'outcomes of the version as a shadow do not count',
      dayMs,
      [delta('2', 'shadow', 500, 0.1), delta('1', 'champion', 500, 0.4)],
      ['step held 2 0.1'],
    ],
  ] satisfies readonly (readonly [string, number, readonly StatsDelta[], readonly string[]])[])(
    '%s',
    (_name, afterMs, deltas, expected) => {
      const state = deltas.reduce<ModelState>(withStats, inCanary());
      expect(summary(decide(state, spec, t0 + afterMs).effects)).toEqual(expected);
    },
  );

  it('counts a label when the watermark has passed its hour, not when it comes', () => {
    const early = [delta('2', 'canary', 500, 0.9), delta('1', 'champion', 500, 0.4)].map((stats) => ({
      ...stats,
      settledAtMs: t0 + dayMs,
    }));
    const state = early.reduce<ModelState>(withStats, inCanary());
    const held = decide(state, spec, t0 + dayMs);
    expect(summary(held.effects)).toEqual(['step held 2 0.1']);
    expect(summary(decide(held.state, spec, t0 + dayMs + 3_599_999).effects)).toEqual([]);
    expect(summary(decide(held.state, spec, t0 + dayMs + 3_600_000).effects)).toContain('step rolled-back 2 0');
  });

  it('says held once', () => {
    const held = decide(inCanary(), spec, t0 + dayMs).state;
    expect(decide(held, spec, t0 + 2 * dayMs).effects).toEqual([]);
  });

  it('promotes after the last step and keeps the numbers in the reason', () => {
    let state = [delta('2', 'canary', 100, 0.3), delta('1', 'champion', 100, 0.4)].reduce<ModelState>(
      withStats,
      inCanary(),
    );
    state = decide(state, spec, t0 + dayMs).state;
    const decision = decide(state, spec, t0 + 2 * dayMs);
    expect(summary(decision.effects)).toEqual(['stage 2 production', 'step promoted 2 0']);
    expect(decision.effects[1]).toMatchObject({
      previousChampion: '1',
      reason: expect.stringContaining('0.3000 against 0.4000'),
    });
    expect(decision.state).toMatchObject({ champion: '2', previous: '1', first: '1', canary: null });
  });

  it('leaves a candidate waiting while a canary is on', () => {
    const state = withCandidate(inCanary(), { version: '3', approvedAtMs: t0 });
    expect(decide(state, spec, t0 + 1)).toEqual({ state, effects: [] });
  });

  it('decides nothing while somebody has switched by hand, and goes on afterwards', () => {
    const state = withCandidate(serving(), { version: '2', approvedAtMs: t0 });
    expect(decide(state, { ...spec, champion: '1' }, t0).effects).toEqual([]);
    expect(summary(decide(state, spec, t0).effects)).toEqual(['step canary 2 0.1']);
  });

  describe('with blue-green', () => {
    const blueGreen: RolloutSpec = { ...spec, strategy: 'blue-green', steps: [], bakeMs: 2 * dayMs };
    const baking = (...deltas: StatsDelta[]): ModelState =>
      deltas.reduce<ModelState>(
        withStats,
        decide(withCandidate(serving(), { version: '2', approvedAtMs: t0 }), blueGreen, t0).state,
      );

    it.each([
      ['waits for the bake', dayMs, [delta('2', 'shadow', 500, 0.3), delta('1', 'champion', 500, 0.4)], []],
      [
        'switches at once when the shadow was no worse',
        2 * dayMs,
        [delta('2', 'shadow', 500, 0.3), delta('1', 'champion', 500, 0.4)],
        ['stage 2 production', 'step promoted 2 0'],
      ],
      [
        'goes back when it was worse',
        2 * dayMs,
        [delta('2', 'shadow', 500, 0.6), delta('1', 'champion', 500, 0.4)],
        ['stage 2 archived', 'step rolled-back 2 0'],
      ],
      ['holds without outcomes of the shadow', 2 * dayMs, [delta('2', 'canary', 500, 0.3)], ['step held 2 0']],
    ] satisfies readonly (readonly [string, number, readonly StatsDelta[], readonly string[]])[])(
      '%s',
      (_name, afterMs, deltas, expected) => {
        expect(summary(decide(baking(...deltas), blueGreen, t0 + afterMs).effects)).toEqual(expected);
      },
    );
  });

  it('takes statistics in any order and any batches', () => {
    const anyDelta = fc.record({
      version: fc.constantFrom('1', '2'),
      arm: fc.constantFrom('champion', 'canary'),
      dayMs: fc.constantFrom(t0, t0 + dayMs),
      settledAtMs: fc.constantFrom(t0, t0 + dayMs, t0 + 3 * dayMs),
      labelled: fc.integer({ min: 0, max: 1000 }),
      logLossNano: fc.integer({ min: 0, max: 1e12 }),
      logLossSquaredMicro: fc.integer({ min: 0, max: 1e9 }),
    });
    fc.assert(
      fc.property(
        fc
          .array(anyDelta)
          .chain((deltas) => fc.tuple(fc.constant(deltas), fc.shuffledSubarray(deltas, { minLength: deltas.length }))),
        ([deltas, shuffled]) => {
          const at = t0 + 2 * dayMs;
          const one = decide(deltas.reduce<ModelState>(withStats, inCanary()), spec, at).effects;
          expect(decide(shuffled.reduce<ModelState>(withStats, inCanary()), spec, at).effects).toEqual(one);
        },
      ),
    );
  });

  it('never moves forward without enough outcomes of both', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.nat(10), (canaryRows, championRows, days) => {
        const state = [
          delta('2', 'canary', canaryRows, 0.3),
          delta('1', 'champion', championRows, 0.4),
        ].reduce<ModelState>(withStats, inCanary());
        const forward = decide(state, spec, t0 + days * dayMs).effects.some(
          (effect) => effect.kind === 'step' && (effect.action === 'advanced' || effect.action === 'promoted'),
        );
        expect(forward).toBe(days >= 1 && Math.min(canaryRows, championRows) >= spec.minOutcomes);
      }),
    );
  });
});
