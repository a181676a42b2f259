import { rollout } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseArm, fallback, servable, shadowsOf, versionsOf, type RoutingPolicy } from './routing.ts';

const policy = (canaryWeight: number, canaryVersion = '2'): RoutingPolicy => ({
  championVersion: '1',
  canaryVersion,
  canaryWeight,
  salt: 'm/2',
});

describe('chooseArm', () => {
  it.each([
    ['no canary', policy(0.5, ''), { arm: 'champion', version: '1', propensity: 1 }],
    ['weight 0', policy(0), { arm: 'champion', version: '1', propensity: 1 }],
    ['negative weight', policy(-1), { arm: 'champion', version: '1', propensity: 1 }],
    ['weight 1', policy(1), { arm: 'canary', version: '2', propensity: 1 }],
    ['weight above 1', policy(7), { arm: 'canary', version: '2', propensity: 1 }],
  ])('%s', (_name, given, expected) => {
    expect(chooseArm(given, 'unit')).toEqual(expected);
  });

  it('gives each arm its probability as propensity', () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0.001, max: 0.999, noNaN: true }), (unit, weight) => {
        const { arm, propensity } = chooseArm(policy(weight), unit);
        return propensity === (arm === 'canary' ? weight : 1 - weight);
      }),
    );
  });

  it('keeps a unit in the canary when the weight grows', () => {
    const weight = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), weight, weight, (unit, a, b) => {
        const small = chooseArm(policy(Math.min(a, b)), unit);
        return small.arm !== 'canary' || chooseArm(policy(Math.max(a, b)), unit).arm === 'canary';
      }),
    );
  });

  it.each([0.05, 0.2, 0.5])('gives the canary a share of %d, within 4 standard deviations', (weight) => {
    const units = 20_000;
    let drawn = 0;
    for (let unit = 0; unit < units; unit += 1)
      if (chooseArm(policy(weight), `request-${unit}`).arm === 'canary') drawn += 1;
    const deviation = Math.sqrt(units * weight * (1 - weight));
    expect(Math.abs(drawn - units * weight)).toBeLessThan(4 * deviation);
  });
});

describe('fallback', () => {
  it('is the champion, marked as not drawn', () => {
    const failed = { arm: 'canary', version: '2', propensity: 0.2 } as const;
    expect(fallback(policy(0.2), failed)).toEqual({ arm: 'champion', version: '1', propensity: 0, fallbackFrom: '2' });
  });
});

describe('shadowsOf', () => {
  it.each([
    ['none', [], '1', []],
    ['each once', ['1', '1', '3'], '2', ['1', '3']],
    ['never the one that answered', ['1', '2'], '1', ['2']],
  ])('%s', (_name, shadows, answeredBy, expected) => {
    expect(shadowsOf(shadows, answeredBy)).toEqual(expected);
  });
});

describe('servable', () => {
  const route = rollout.Route.fromPartial({
    model: 'm',
    revision: '7',
    championVersion: '2',
    canaryVersion: '3',
    canaryWeight: 0.2,
    shadowVersions: ['1'],
  });

  it.each([
    ['everything usable', ['1', '2', '3'], { canaryVersion: '3', canaryWeight: 0.2, shadowVersions: ['1'] }, []],
    ['no canary', ['1', '2'], { canaryVersion: '', canaryWeight: 0, shadowVersions: ['1'] }, ['3']],
    ['no shadow', ['2', '3'], { canaryVersion: '3', canaryWeight: 0.2, shadowVersions: [] }, ['1']],
  ])('%s', (_name, usable, expected, missing) => {
    expect(servable(route, new Set(usable))).toEqual({ route: { ...route, ...expected }, missing });
  });

  it('is nothing without the champion', () => {
    expect(servable(route, new Set(['1', '3']))).toBeNull();
  });

  it('names every version once', () => {
    expect(versionsOf(route)).toEqual(['2', '3', '1']);
    expect(versionsOf({ ...route, canaryVersion: '', shadowVersions: ['2'] })).toEqual(['2']);
  });
});
