import { challengerWeight, type RolloutSpec } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { composeRoute } from './route.ts';
import { newModelState, type ModelState } from './state.ts';

const spec: RolloutSpec = {
  ...{ model: 'm', strategy: 'canary', steps: [{ weight: 0.1, holdMs: 1 }] },
  ...{ minOutcomes: 1, maxLogLossExcess: 0, maxHoldMs: 1, shadowFirst: false },
  ...{ challengers: [], targets: [], shadows: [] },
};
const trial = { version: '3', step: 0, stepSinceMs: 0, sinceMs: 0, held: false };
const state = (over: Partial<ModelState> = {}): ModelState => ({
  ...newModelState('m'),
  ...{ champion: '2', first: '1', previous: '1' },
  ...over,
});

function compose(over: Partial<RolloutSpec>, stateOver: Partial<ModelState> = {}) {
  const route = composeRoute(state(stateOver), { ...spec, ...over }, null);
  if (route === null) return null;
  return {
    champion: route.championVersion,
    challengers: route.challengers.map((one) => [one.version, challengerWeight(one)]),
    shadows: route.shadows.map(({ version, share }) => [version, share]),
    standby: route.standbyVersions,
    ...(route.exploration === undefined ? {} : { explored: route.exploration.versions }),
  };
}

const blueGreen = { strategy: 'blue-green', steps: [], bakeMs: 1 } as const;

describe('composeRoute', () => {
  it.each([
    ['a champion alone', {}, {}, { champion: '2', challengers: [], shadows: [], standby: [] }],
    [
      'a canary beside a standing challenger',
      { challengers: [{ version: '5', weight: 0.2 }] },
      { canary: trial },
      { champion: '2', challengers: [['3', 0.1], ['5', 0.2]], shadows: [], standby: [] }, // prettier-ignore
    ],
    [
      'what is on trial or champion has no second role',
      { challengers: [{ version: '3', weight: 0.2 }], shadows: [{ version: '2', share: 0.5, tolerance: 0 }] },
      { canary: trial },
      { champion: '2', challengers: [['3', 0.1]], shadows: [], standby: [] },
    ],
    [
      'shadows with their share, and the first version',
      { shadowFirst: true, shadows: [{ version: '7', share: 0.25, tolerance: 0 }] },
      {},
      { champion: '2', challengers: [], shadows: [['7', 0.25], ['1', 1]], standby: [] }, // prettier-ignore
    ],
    [
      'blue-green: the candidate stands by as a shadow, the champion before this one too',
      blueGreen,
      { canary: trial },
      { champion: '2', challengers: [], shadows: [['3', 1]], standby: ['3', '1'] },
    ],
    [
      'blue-green after the switch: the old one is loaded for the way back',
      blueGreen,
      { champion: '3', previous: '2' },
      { champion: '3', challengers: [], shadows: [], standby: ['2'] },
    ],
    [
      'switched by hand: the promoted one stands by, the trial waits',
      { champion: '1' },
      { canary: trial },
      { champion: '1', challengers: [], shadows: [], standby: ['2'] },
    ],
    [
      'explored versions behind the champion, without what is on trial',
      { exploration: { policy: 'thompson', versions: ['2', '3', '5'], epsilon: 1, floor: 0, halfAt: 0, warmUp: 0 } },
      { canary: trial },
      { champion: '2', challengers: [['3', 0.1]], shadows: [], standby: [], explored: ['2', '5'] },
    ],
    [
      'no exploration where nothing else is left',
      { exploration: { policy: 'thompson', versions: ['2'], epsilon: 1, floor: 0, halfAt: 0, warmUp: 0 } },
      {},
      { champion: '2', challengers: [], shadows: [], standby: [] },
    ],
    ['nothing without a champion', {}, { champion: null }, null],
  ] as const)('%s', (_name, over, stateOver, expected) => {
    expect(compose(over, stateOver)).toEqual(expected);
  });
});
