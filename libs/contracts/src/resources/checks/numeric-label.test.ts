import { describe, expect, test } from 'vitest';
import { monitorDefaults, type ModelSpec, type PerformanceSpec } from '../types.ts';
import { checkLabelKind, checkNumericMonitor } from './numeric-label.ts';

const label: ModelSpec['label'] = { source: 's', key: 'id', field: 'late', waitMs: 1 };
const classes: ModelSpec['label'] = { ...label, above: 15 };
const trainedBy = (recipe: string): ModelSpec['training'] => ({
  ...{ recipe, parameters: {}, seed: 1, minRows: 1, windowMs: 2, timeHoldoutMs: 1 },
  ...{ fixedHoldoutPercent: 10, fixedHoldoutSalt: 's', timeoutMs: 1 },
});
const choose: ModelSpec['choose'] = { input: 'x', actions: ['a', 'b'], epsilon: 0.1, floor: 0, halfAt: 10, warmUp: 5 };
const rewards: ModelSpec['rewards'] = { waitMs: 1, default: 0, aggregate: 'sum', min: 0, max: 1 };
const performance: PerformanceSpec = {
  ...{ windowMs: 1, minLabelled: 1, maxLogLossExcess: 0.1, confidence: 0.9, estimate: true },
  ...{ slices: [], sliceMinLabelled: 1 },
};

const messages = (findings: ReturnType<typeof checkLabelKind>): string =>
  findings.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');

describe('the label of a Model', () => {
  test.each([
    ['of two classes', { label: classes, training: trainedBy('gbdt') }],
    ['of two classes with a default', { label: { ...classes, default: 1 }, training: trainedBy('gbdt') }],
    ['that is a number', { label: { ...label, default: -2.5 }, training: trainedBy('none') }],
    ['that is a number, with rewards', { label, training: trainedBy('none'), choose, rewards }],
  ])('%s is right', (_, spec) => {
    expect(checkLabelKind(spec)).toEqual([]);
  });

  test.each([
    [
      'a default that no label is',
      { label: { ...classes, default: 2 }, training: trainedBy('gbdt') },
      /^spec.label.default: the label is 0 or 1 \(above\), never 2/,
    ],
    [
      'a number that a recipe should learn',
      { label, training: trainedBy('gbdt') },
      /^spec.training.recipe: recipe "gbdt" fits labels of two classes.* registered from outside/,
    ],
    [
      'actions judged by numbers',
      { label, training: trainedBy('none'), choose },
      /^spec.choose: actions are judged by labels of two classes/,
    ],
  ])('%s is not', (_, spec, expected) => {
    expect(messages(checkLabelKind(spec))).toMatch(expected);
  });
});

describe('a Monitor of a Model whose label is a number', () => {
  const numeric = { name: 'minutes', spec: { label } };

  test('says how much the error may grow, and asks for no retraining', () => {
    const own = { ...performance, maxMaeExcess: 2 };
    expect(checkNumericMonitor({ retrain: false, performance: own }, numeric)).toEqual([]);
    expect(checkNumericMonitor(monitorDefaults, { name: 'm', spec: { label: classes } })).toEqual([]);
  });

  test.each([
    ['no limit', { retrain: false, performance }, numeric, /maxMaeExcess: .* is a number: say how much/],
    [
      'a limit where labels are of two classes',
      { retrain: true, performance: { ...performance, maxMaeExcess: 2 } },
      { name: 'm', spec: { label: classes } },
      /maxMaeExcess: the label of Model "m" is 0 or 1/,
    ],
    ['a retraining', { retrain: true }, numeric, /spec.retrain: Model "minutes" has a numeric label, which no recipe/],
  ])('%s is refused', (_, monitor, model, expected) => {
    expect(messages(checkNumericMonitor(monitor, model))).toMatch(expected);
  });
});
