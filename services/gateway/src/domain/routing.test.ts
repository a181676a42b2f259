import { rollout, serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  choose,
  compilePolicy,
  draw,
  fallback,
  mayFallBack,
  servable,
  shadowsOf,
  versionsOf,
  type Ask,
} from './routing.ts';
import { compileTarget } from './targets.ts';

const million = 1_000_000;
/** Challengers one behind the other from 0 on, by their weights in millionths. */
function policyOf(...widths: number[]) {
  let at = 0;
  const challengers = widths.map((width, n) => ({
    version: String(n + 2),
    ranges: [{ from: at, to: (at += width) }],
  }));
  return compilePolicy(rollout.Route.fromPartial({ championVersion: '1', salt: 'm', challengers }), compileTarget);
}
const ask = (over: Partial<Ask> = {}): Ask => ({
  pinned: '',
  sticky: '',
  rows: [{ origin: 'EWR' }],
  unit: 'u',
  ...over,
});

describe('draw', () => {
  it.each([
    ['no challenger', policyOf(), { arm: 'champion', version: '1', propensity: 1, learn: true }],
    ['weight 0', policyOf(0), { arm: 'champion', version: '1', propensity: 1, learn: true }],
    ['weight 1', policyOf(million), { arm: 'canary', version: '2', propensity: 1, learn: true }],
  ])('%s', (_name, policy, expected) => {
    expect(draw(policy, 'unit')).toMatchObject(expected);
  });

  it('says with each choice exactly how probable it was', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(500_000), fc.nat(500_000), (unit, a, b) => {
        const { version, propensity } = draw(policyOf(a, b), unit);
        return propensity === (version === '1' ? million - a - b : version === '2' ? a : b) / million;
      }),
    );
  });

  it('keeps a unit with the challenger whose ranges grow', () => {
    const weight = fc.nat(million);
    fc.assert(
      fc.property(fc.string(), weight, weight, (unit, a, b) => {
        const small = draw(policyOf(Math.min(a, b)), unit);
        return small.arm !== 'canary' || draw(policyOf(Math.max(a, b)), unit).arm === 'canary';
      }),
    );
  });

  it('gives 1,000,000 units to five versions as their weights say, within binomial bounds, and 20 % keeps the 5 %', () => {
    const widths = [50_000, 200_000, 1_000, 333_333];
    const policy = policyOf(...widths);
    const [five, twenty] = [policyOf(50_000), policyOf(200_000)];
    const counts = new Map<string, number>();
    let lost = 0;
    for (let n = 0; n < million; n += 1) {
      const unit = `unit-${n}`;
      const { version } = draw(policy, unit);
      counts.set(version, (counts.get(version) ?? 0) + 1);
      if (n % 10 === 0 && draw(five, unit).arm === 'canary' && draw(twenty, unit).arm !== 'canary') lost += 1;
    }
    expect(lost).toBe(0);
    const weights = [million - widths.reduce((sum, width) => sum + width, 0), ...widths].map(
      (width) => width / million,
    );
    weights.forEach((weight, n) => {
      // 4.5 standard deviations: five counts all within with a probability above 0.99996.
      const bound = 4.5 * Math.sqrt(million * weight * (1 - weight));
      expect(Math.abs((counts.get(String(n + 1)) ?? 0) - million * weight)).toBeLessThan(bound);
    });
  }, 30_000);
});

describe('choose', () => {
  const route = rollout.Route.fromPartial({
    championVersion: '1',
    salt: 'm',
    challengers: [{ version: '2', ranges: [{ from: 0, to: million }] }],
    targets: [
      { name: 'broken', cel: 'record.origin ==', version: '9' },
      { name: 'newark', cel: "record.origin == 'EWR'", version: '3' },
      { name: 'vip', cel: "record.unit.startsWith('vip')", version: '4' },
    ],
    shadows: [{ version: '5', share: 1 }],
  });
  const policy = compilePolicy(route, compileTarget);
  const jfk = [{ origin: 'JFK' }];

  it.each([
    ['the version that is named, before all', { pinned: '5', sticky: '1' }, 'pinned', '5'],
    ['the sticky route, before targets', { sticky: '1' }, 'sticky', '1'],
    ['not a sticky route to a shadow', { sticky: '5' }, 'targeted', '3'],
    ['not a sticky route to a version that is gone', { sticky: '8' }, 'targeted', '3'],
    ['the first target that holds', { unit: 'vip-1' }, 'targeted', '3'],
    ['a target by the unit', { rows: jfk, unit: 'vip-1' }, 'targeted', '4'],
    ['no target that holds for one row only', { rows: [...jfk, { origin: 'EWR' }] }, 'canary', '2'],
    ['no target whose field is missing', { rows: [{}] }, 'canary', '2'],
    ['the draw', { rows: jfk }, 'canary', '2'],
  ] as const)('%s', (_name, over, arm, version) => {
    expect(choose(policy, ask(over))).toMatchObject({ arm, version, propensity: 1, learn: arm === 'canary' });
  });
});

describe('the division of a draw', () => {
  it('is that of the route, whoever was drawn and whatever answers for it, and encoded as part of a record', () => {
    const policy = policyOf(200_000);
    const choices = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((unit) => draw(policy, unit));
    expect(new Set(choices.map(({ arm }) => arm))).toEqual(new Set(['champion', 'canary']));
    for (const choice of [...choices, ...choices.map((each) => fallback(policy, each))])
      expect(choice.division).toBe(policy.division);
    const { draw: logged, encoded = Buffer.alloc(0) } = policy.division ?? {};
    expect(logged).toEqual({
      ...{ salt: 'm', championVersion: '1' },
      challengers: [{ version: '2', ranges: [{ from: 0, to: 200_000 }] }],
    });
    expect(serving.Inference.decode(encoded).draw).toEqual(logged);
    expect(encoded.length).toBeLessThan(40);
  });

  it('is not logged where nobody is a challenger, or nothing was drawn', () => {
    expect(draw(policyOf(), 'u').division).toBeUndefined();
    expect(choose(policyOf(million), ask({ pinned: '2' })).division).toBeUndefined();
  });
});

describe('fallback', () => {
  const canary = { arm: 'canary', version: '2', propensity: 0.2, learn: true } as const;

  it('is the champion, marked as not drawn and not to be learned from', () => {
    expect(fallback(policyOf(200_000), canary)).toEqual({
      ...{ arm: 'fallback', version: '1', propensity: 0, learn: false },
      intended: { arm: 'canary', version: '2' },
    });
  });

  it('says how the arm that failed was explored', () => {
    const drawn = { arms: ['1', '2'], pmf: [0.5, 0.5], seed: '1/d', epsilon: 1, explore: false };
    expect(fallback(policyOf(), { ...canary, drawn })).toMatchObject({ arm: 'fallback', drawn, learn: false });
  });

  it.each([
    ['canary', '2', true],
    ['sticky', '2', true],
    ['targeted', '2', true],
    ['pinned', '2', false],
    ['sticky', '1', false],
    ['champion', '1', false],
    ['fallback', '1', false],
  ] as const)('of %s to version %s: %s', (arm, version, expected) => {
    expect(mayFallBack({ arm, version, propensity: 1, learn: true }, '1')).toBe(expected);
  });
});

describe('shadowsOf', () => {
  const shadow = (version: string, share = 1) => ({ version, share, tolerance: 0 });
  it.each([
    ['none', [], '1', []],
    ['each once', [shadow('1'), shadow('1'), shadow('3')], '2', ['1', '3']],
    ['never the one that answered', [shadow('1'), shadow('2')], '1', ['2']],
    ['not with share 0', [shadow('1', 0)], '2', []],
  ])('%s', (_name, shadows, answeredBy, expected) => {
    expect(shadowsOf({ shadows, salt: 'm' }, answeredBy, 'u').map(({ version }) => version)).toEqual(expected);
  });

  it('gives each its share of the units, drawn apart from the others and from the challengers', () => {
    const route = { shadows: [shadow('3', 0.2), shadow('4', 0.2)], salt: 'm' };
    const units = 20_000;
    let [three, both, withCanary] = [0, 0, 0];
    for (let n = 0; n < units; n += 1) {
      const seen = new Set(shadowsOf(route, '1', `u${n}`).map(({ version }) => version));
      if (seen.has('3')) three += 1;
      if (seen.size === 2) both += 1;
      if (seen.has('3') && draw(policyOf(200_000), `u${n}`).arm === 'canary') withCanary += 1;
    }
    expect(Math.abs(three - units * 0.2)).toBeLessThan(4.5 * Math.sqrt(units * 0.16));
    for (const joint of [both, withCanary])
      expect(Math.abs(joint - units * 0.04)).toBeLessThan(4.5 * Math.sqrt(units * 0.04 * 0.96));
  });
});

describe('servable', () => {
  const route = rollout.Route.fromPartial({
    model: 'm',
    revision: '7',
    championVersion: '2',
    challengers: [{ version: '3', ranges: [{ from: 0, to: 200_000 }] }],
    targets: [{ name: 't', cel: 'true', version: '4' }],
    shadows: [{ version: '1', share: 1 }],
    standbyVersions: ['5'],
    exploration: { policy: 'thompson', versions: ['2', '6'] },
  });
  const all = ['1', '2', '3', '4', '6', '5'];

  it.each([
    ['everything usable', [], {}],
    ['no challenger: its share is the champion’s', ['3'], { challengers: [] }],
    ['no shadow', ['1'], { shadows: [] }],
    ['no target', ['4'], { targets: [] }],
    ['nobody stands by', ['5'], { standbyVersions: [] }],
    ['an arm less', ['6'], { exploration: { ...route.exploration, versions: ['2'] } }],
  ])('%s', (_name, missing, expected) => {
    const usable = new Set(all.filter((version) => !missing.some((one) => one === version)));
    expect(servable(route, usable)).toEqual({ route: { ...route, ...expected }, missing });
  });

  it('is nothing without the champion', () => {
    expect(servable(route, new Set(['1', '3']))).toBeNull();
  });

  it('names every version once', () => {
    expect(versionsOf(route)).toEqual(['2', '3', '4', '1', '6', '5']);
    expect(versionsOf({ ...route, challengers: [], targets: [], standbyVersions: ['1', '6'] })).toEqual([
      '2',
      '1',
      '6',
    ]);
  });
});
