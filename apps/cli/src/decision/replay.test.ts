import { rollout, type decisions } from '@everloop/contracts';
import { drawArm, drawOf } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redrawAction, redrawCanary, redrawVersion } from './replay.ts';

const arms = ['1', '2', '3'];
const pmf = [0.2, 0.5, 0.3];

function record(seed: string, more: Partial<Parameters<typeof redrawVersion>[0]> = {}) {
  const modelVersion = arms[drawArm('explore', seed, pmf)] ?? '';
  return {
    decisionId: 'd',
    arms,
    pmf,
    seed,
    modelVersion,
    intendedVersion: '',
    propensity: 0.1,
    learn: true,
    choice: undefined,
    ...more,
  };
}

describe('redrawVersion', () => {
  it('gives what was drawn, whatever the seed', () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        expect(redrawVersion(record(seed))).toMatchObject({ difference: '', of: 'version' });
      }),
    );
  });

  it.each([
    ['another version', { modelVersion: '9' }, /^logged 9, drawn \d$/],
    ['other probabilities', { pmf: [1, 0, 0], modelVersion: '2' }, /^logged 2, drawn 1$/],
    ['probabilities that do not add up', { pmf: [0.2, 0.5, 0.4] }, /add up to 1\.1/],
    ['a propensity that its draw does not give', { propensity: 0.51 }, /0\.51 is more than its draw's/],
    ['one probability too few', { pmf: [0.5, 0.5] }, /3 arms have 2 probabilities/],
  ])('finds %s', (_name, change, difference) => {
    expect(redrawVersion(record('seed', change))?.difference).toMatch(difference);
  });

  it('compares with the version that was intended where the champion answered for it', () => {
    const { modelVersion } = record('seed');
    expect(redrawVersion(record('seed', { modelVersion: '9', intendedVersion: modelVersion }))?.difference).toBe('');
  });

  it('has nothing to draw where nothing was explored', () => {
    expect(redrawVersion(record('', { arms: [], pmf: [] }))).toBeNull();
  });
});

describe('redrawAction', () => {
  const actions = ['email', 'sms'];
  const choice = { actions, pmf: [0.9, 0.1], scores: [1, 2], epsilon: 0.2, explore: false, seed: 's' };

  it('gives what was chosen', () => {
    const action = actions[drawArm('choose', 's', choice.pmf)] ?? '';
    expect(redrawAction({ decisionId: 'd', choice: { ...choice, action } })).toMatchObject({
      ...{ of: 'action', logged: action, drawn: action, difference: '' },
    });
    expect(redrawAction({ decisionId: 'd', choice: { ...choice, action: 'letter' } })?.difference).toMatch(/letter/);
  });

  it('counts in the propensity of its record', () => {
    const action = actions[drawArm('choose', 's', choice.pmf)] ?? '';
    const acted = { ...choice, action };
    const most = (pmf[drawArm('explore', 'seed', pmf)] ?? 0) * (choice.pmf[actions.indexOf(action)] ?? 0);
    expect(redrawVersion(record('seed', { choice: acted, propensity: most }))?.difference).toBe('');
    expect(redrawVersion(record('seed', { choice: acted, propensity: most * 1.01 }))?.difference).toMatch(/more/);
  });

  it('has nothing to draw where the model does not choose', () => {
    expect(redrawAction({ decisionId: 'd', choice: undefined })).toBeNull();
  });
});

describe('redrawCanary', () => {
  const challengers = [
    { version: '2', ranges: [{ from: 0, to: 100_000 }] },
    {
      version: '3',
      ranges: [
        { from: 400_000, to: 450_000 },
        { from: 900_000, to: 1_000_000 },
      ],
    },
  ].map((one) => rollout.Challenger.fromPartial(one));
  const draw: decisions.CanaryDraw = { salt: 's', championVersion: '1', challengers };
  const shares: Readonly<Record<string, number>> = { 1: 0.75, 2: 0.1, 3: 0.15 };
  /** Drawn here by the text of the contract, not by the code that is tested. */
  function versionOf(unit: string): string {
    const bucket = Math.floor(drawOf('s', unit) * 1_000_000);
    if (bucket < 100_000) return '2';
    return (bucket >= 400_000 && bucket < 450_000) || bucket >= 900_000 ? '3' : '1';
  }
  function drawn(unit: string, more: Partial<Parameters<typeof redrawCanary>[0]> = {}) {
    const version = versionOf(unit);
    return {
      ...{ decisionId: 'd', unit, draw, modelVersion: version, arm: version === '1' ? 'champion' : 'canary' },
      ...{ propensity: shares[version] ?? 0, learn: true, arms: [], pmf: [], choice: undefined },
      ...more,
    };
  }
  /** A unit of each version. */
  const unitOf = (version: string): string => {
    for (let n = 0; ; n += 1) if (versionOf(`u${n}`) === version) return `u${n}`;
  };

  it('gives what was drawn, with its share, whatever the unit', () => {
    fc.assert(
      fc.property(fc.string(), (unit) => {
        const version = versionOf(unit);
        const redrawn = redrawCanary(drawn(unit));
        expect(redrawn).toMatchObject({ difference: '', of: 'canary', logged: version, drawn: version });
        expect(redrawn?.pmf).toEqual([0.75, 0.1, 0.15]);
      }),
    );
  });

  it.each([
    ['another version', '1', { modelVersion: '2', arm: 'canary' }, /^logged 2, drawn 1$/],
    ['another unit', '2', { unit: unitOf('3') }, /^logged 2, drawn 3$/],
    ['a challenger that passes for the champion', '3', { arm: 'champion' }, /is logged as champion/],
    ['another propensity', '3', { propensity: 0.1 }, /logged as 0\.1, and is 0\.15/],
    ['a propensity of before', '1', { propensity: 0.9 }, /logged as 0\.9, and is 0\.75/],
  ])('finds %s', (_name, version, change, difference) => {
    expect(redrawCanary(drawn(unitOf(version), change))?.difference).toMatch(difference);
  });

  it('knows that arms are explored in the champion’s share, and the probability of both together', () => {
    const explored = { arms: ['1', '2', '9'], pmf: [0.5, 0.2, 0.3], modelVersion: '9', arm: 'canary' };
    const record = drawn(unitOf('1'), { ...explored, propensity: 0.75 * 0.3 });
    expect(redrawCanary(record)).toMatchObject({ difference: '', logged: '1', drawn: '1' });
    expect(redrawCanary({ ...record, propensity: 0.3 })?.difference).toMatch(/0\.3, and is 0\.22/);
    const choice = { actions: ['a', 'b'], pmf: [0.9, 0.1], scores: [1, 2], epsilon: 0.2, explore: false, seed: 's' };
    const acted = { ...record, choice: { ...choice, action: 'b' } };
    expect(redrawCanary({ ...acted, propensity: 0.75 * 0.3 * 0.1 })?.difference).toBe('');
    // A challenger's units are not explored.
    expect(redrawCanary(drawn(unitOf('2'), { ...explored, propensity: 0.1 }))?.difference).toBe('logged 9, drawn 2');
  });

  it('compares with what was intended where the champion answered for it', () => {
    const failed = { modelVersion: '1', arm: 'fallback', propensity: 0, learn: false };
    const intended = { intendedVersion: '3', intendedArm: 'canary' };
    expect(redrawCanary(drawn(unitOf('3'), { ...failed, ...intended }))?.difference).toBe('');
    expect(redrawCanary(drawn(unitOf('2'), { ...failed, ...intended }))?.difference).toBe('logged 3, drawn 2');
    expect(redrawCanary(drawn(unitOf('2'), failed))).toBeNull();
  });

  it('has nothing to draw where there were no challengers', () => {
    expect(redrawCanary(drawn('u', { draw: undefined }))).toBeNull();
  });
});
