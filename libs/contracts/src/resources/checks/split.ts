import type { Finding } from '../../errors.ts';
import type { ResourceOf } from '../wire.ts';
import { type CheckContext, checkField, isFound, wrongValue } from './context.ts';

/** What is wrong with a Model's `training.split`: shares that leave nothing, and settings that its way of splitting does not know. */
export function checkSplit({ spec }: ResourceOf<'Model'>, context: CheckContext): Finding[] {
  const { split, windowMs, timeHoldoutMs } = spec.training;
  if (split === undefined) return [];
  const path = ['spec', 'training', 'split'] as const;
  const findings: Finding[] = [];
  const wrong = (name: string, message: string): void => void findings.push(wrongValue([...path, name], message));
  if (split.by === 'time') {
    if (split.column !== undefined) wrong('column', 'a split by time hashes no column; remove it, or split by group');
    if (split.testPercent > 0) wrong('testPercent', 'a split by time has the time holdout as its test; remove it');
    if (split.strict) wrong('strict', 'a split by time has no groups; remove it');
    const spanMs = windowMs - timeHoldoutMs;
    if (2 * split.gapMs >= spanMs * (1 - split.validationPercent / 100))
      wrong('gap', 'two gaps of this length leave nothing to train on');
    return findings;
  }
  if (split.gapMs > 0) wrong('gap', `a split by ${split.by} has no cut in time; remove it`);
  if (split.by === 'group' && split.column === undefined) wrong('by', 'a split by group needs a column');
  if (split.validationPercent + split.testPercent + spec.training.fixedHoldoutPercent >= 100)
    wrong('validationPercent', 'validation, test and fixed holdout together leave nothing to train on');
  if (split.column === undefined) return findings;
  const source = context.resolve('Source', spec.examples.source, ['spec', 'examples', 'source']);
  if (source === null || !isFound(source)) return findings;
  return [...findings, ...checkField(source, split.column, 'any', [...path, 'column'])];
}
