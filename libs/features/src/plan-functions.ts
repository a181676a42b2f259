import type { CompiledOnDemand } from '@everloop/contracts';

import type { LookupPlan } from './plan.ts';
import { asScalar, type FeatureScalar } from './values.ts';

/** A function that a database has to know: the same code as online, called for each row. */
export interface PlanFunction {
  readonly name: string;
  readonly takes: readonly ('number' | 'string')[];
  readonly gives: 'number' | 'string';
  readonly run: (values: readonly FeatureScalar[]) => FeatureScalar;
}

/** Name of the function of an on-demand feature: equal for equal expressions over equal types. */
export function onDemandFunctionName({ digest }: Pick<CompiledOnDemand, 'digest'>): string {
  return `evl_on_demand_${digest.slice(0, 32)}`;
}

export function onDemandFunction(feature: CompiledOnDemand, takes: PlanFunction['takes']): PlanFunction {
  const name = onDemandFunctionName(feature);
  return { name, takes, gives: feature.type, run: (values) => feature.evaluate(values) };
}

/** DuckDB SQL that computes an on-demand feature of values, parallel to its references. */
export function onDemandSql(
  feature: CompiledOnDemand,
  takes: PlanFunction['takes'],
  values: readonly string[],
): string {
  const typed = values.map((value, index) => `CAST(${value} AS ${takes[index] === 'number' ? 'DOUBLE' : 'VARCHAR'})`);
  // A function needs a row to be called for.
  return `${onDemandFunctionName(feature)}(${typed.length === 0 ? 'CAST(__row AS DOUBLE)' : typed.join(', ')})`;
}

/** The JSON text of a list from that of DuckDB, which writes 1.0 where the online side writes 1. */
export const listFunction: PlanFunction = {
  ...{ name: 'evl_list', takes: ['string'], gives: 'string' },
  run: ([text]) => (typeof text === 'string' ? asScalar(JSON.parse(text) as FeatureScalar[]) : null),
};

/** Text of a DuckDB list as `asScalar` gives it; null for null. */
export function listTextSql(list: string): string {
  return `${listFunction.name}(CAST(to_json(${list}) AS VARCHAR))`;
}

/** The functions that `pointInTimeSql` of this plan calls; a database must know them before it runs the query. */
export function planFunctions(plan: LookupPlan): PlanFunction[] {
  const found = new Map<string, PlanFunction>();
  for (const { origin } of plan.inputs) {
    if (origin.kind !== 'onDemand') continue;
    const made = onDemandFunction(origin.feature, origin.takes);
    found.set(made.name, made);
  }
  const hasList = plan.bindings.some(({ view, wanted }) => wanted.some((at) => view.features[at]?.list === true));
  return [...found.values(), ...(hasList ? [listFunction] : [])];
}
