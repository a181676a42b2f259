import type { drift, MonitorSpec } from '@everloop/contracts';
import type { Facts } from './types.ts';

/** What a Monitor requires before it asks for a retraining, and how it stands; one that it does not require holds. In a fixed order. */
export function preconditionsOf({ requires }: Pick<MonitorSpec, 'requires'>, facts: Facts): drift.Precondition[] {
  const { holds, rollout, training, labelledRows } = facts;
  return [
    must('contract-hold', requires.noHold, holds.length === 0, holds.join('; '), 'no open hold'),
    must('rollout', requires.noRollout, rollout === null, rollout ?? '', 'none in progress'),
    must('training', requires.noTraining, training.length === 0, training.join('; '), 'none waits or runs'),
    {
      name: 'labelled-rows',
      holds: labelledRows >= requires.labelledRows,
      detail: `${labelledRows} since the training of the champion, ${requires.labelledRows} are required`,
    },
  ];
}

function must(name: string, isRequired: boolean, isFree: boolean, found: string, free: string): drift.Precondition {
  if (isFree) return { name, holds: true, detail: free };
  return { name, holds: !isRequired, detail: isRequired ? found : `${found} (not required)` };
}

/** Those that do not hold, in words; empty: all hold. */
export function unmet(preconditions: readonly drift.Precondition[]): string {
  return preconditions
    .filter(({ holds }) => !holds)
    .map(({ name, detail }) => `${name} (${detail})`)
    .join(', ');
}
