import type { SplitPart } from '@everloop/contracts';

import { errors } from '../errors.ts';

const parts: Readonly<Record<string, readonly SplitPart[]>> = {
  train: ['train'],
  validation: ['validation'],
  test: ['test', 'timeHoldout'],
};

/** Parts that a split's name means: the time holdout tests. EVL_FEATURES_REQUEST_INVALID; the vault is no split that can be checked out. */
export function partsOfSplit(split: string): readonly SplitPart[] {
  const found = Object.hasOwn(parts, split) ? parts[split] : undefined;
  if (found !== undefined) return found;
  const vault =
    split === 'vault' || split === 'fixedHoldout'
      ? '; the fixed holdout lies in the vault and opens for the evaluator alone'
      : '';
  throw errors.requestInvalid(`"${split}" is no split that can be checked out: train, validation or test${vault}`);
}
