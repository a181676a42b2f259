import { drawArm } from '@everloop/stats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redrawAction, redrawVersion } from './replay.ts';

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
