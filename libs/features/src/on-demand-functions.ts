import type { CompiledOnDemand } from '@everloop/contracts';

import type { LookupPlan } from './plan.ts';

/** An on-demand feature as a function of a database: the same code, called for each row. */
export interface OnDemandFunction {
  readonly name: string;
  readonly takes: readonly ('number' | 'string')[];
  readonly gives: 'number' | 'string';
  readonly run: (values: readonly (number | string | null)[]) => number | string | null;
}

/** Name of the function of an on-demand feature: equal for equal expressions over equal types. */
export function onDemandFunctionName({ digest }: Pick<CompiledOnDemand, 'digest'>): string {
  return `evl_on_demand_${digest.slice(0, 32)}`;
}

/** The functions that `pointInTimeSql` of this plan calls; a database must know them before it runs the query. */
export function onDemandFunctions(plan: LookupPlan): OnDemandFunction[] {
  const found = new Map<string, OnDemandFunction>();
  for (const { origin } of plan.inputs) {
    if (origin.kind !== 'onDemand') continue;
    const name = onDemandFunctionName(origin.feature);
    const { feature } = origin;
    found.set(name, { name, takes: origin.takes, gives: feature.type, run: (values) => feature.evaluate(values) });
  }
  return [...found.values()];
}
