import { compileOnDemand, type CompiledOnDemand } from '@everloop/contracts';

import { FeatureError } from './error.ts';
import { listFunction, listTextSql, onDemandFunction, onDemandSql, type PlanFunction } from './plan-functions.ts';
import { quoted } from './sql-text.ts';

/**
 * How an input comes out of the columns of Spark's answer: `value`, it is the column of its name; `list`, that column is an array, and the input
 * its JSON text; `onDemand`, it is computed from the columns `takes`, which are parallel to the references of the expression. Plain JSON, so that
 * an answer can be finished elsewhere and later.
 */
export type SparkInput =
  | { readonly kind: 'value' | 'list'; readonly name: string }
  | {
      readonly kind: 'onDemand';
      readonly name: string;
      readonly feature: string;
      readonly definition: CompiledOnDemand['definition'];
      readonly takes: readonly string[];
    };

/** An input as DuckDB computes it from Spark's answer. */
export interface FinishedInput {
  readonly name: string;
  readonly value: string;
  /** Its status, a number of `FeatureStatus`; null where Spark's own holds. */
  readonly status: string | null;
}

/** Whether Spark's answer is what `pointInTimeSql` gives as it is. */
export function isFinished(inputs: readonly SparkInput[]): boolean {
  return inputs.every(({ kind }) => kind === 'value');
}

/**
 * DuckDB SQL by which Spark's answer becomes that of `pointInTimeSql`, row by row, and the functions that the database must know for it.
 * EVL_FEATURES_PLAN_INVALID when an expression cannot be compiled, as when the answer was asked for by a newer version.
 */
export function finishedInputs(inputs: readonly SparkInput[]): {
  readonly inputs: readonly FinishedInput[];
  readonly functions: readonly PlanFunction[];
} {
  const functions = new Map<string, PlanFunction>();
  const finished = inputs.map((input): FinishedInput => {
    const { name } = input;
    if (input.kind !== 'onDemand') {
      if (input.kind === 'list') functions.set(listFunction.name, listFunction);
      return { name, value: input.kind === 'list' ? listTextSql(quoted(name)) : quoted(name), status: null };
    }
    const { feature, takes } = compiled(input);
    const made = onDemandFunction(feature, takes);
    functions.set(made.name, made);
    const value = onDemandSql(feature, takes, input.takes.map(quoted));
    return { name, value, status: `CASE WHEN ${value} IS NULL THEN 2 ELSE 1 END` };
  });
  return { inputs: finished, functions: [...functions.values()] };
}

function compiled({ feature: name, definition, takes }: Extract<SparkInput, { readonly kind: 'onDemand' }>): {
  readonly feature: CompiledOnDemand;
  readonly takes: PlanFunction['takes'];
} {
  const { types, ...declared } = definition;
  const problem = { problem: 'it has no type in the job' };
  const typeOf = (owner: string, field: string) => types[`${owner}.${field}`];
  try {
    const feature = compileOnDemand(
      { name, ...declared },
      (reference) => typeOf(reference.owner, reference.name) ?? problem,
    );
    if (feature.references.length !== takes.length) throw new Error(`it takes ${feature.references.length} values`);
    return {
      feature,
      takes: feature.references.map((each) => (typeOf(each.owner, each.name) === 'string' ? 'string' : 'number')),
    };
  } catch (error) {
    throw new FeatureError(
      'EVL_FEATURES_PLAN_INVALID',
      `On-demand feature ${name} of the job: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
