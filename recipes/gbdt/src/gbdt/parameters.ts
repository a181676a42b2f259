import { RecipeError } from '../errors.ts';

/** What can be tuned, with what is used when the Model says nothing. */
export interface GbdtParameters {
  /** Most trees; early stopping usually ends sooner. */
  readonly rounds: number;
  readonly learningRate: number;
  /** Most leaves of a tree. */
  readonly leaves: number;
  /** Fewest rows in a leaf. */
  readonly minLeafRows: number;
  /** Smallest sum of second derivatives in a leaf. */
  readonly minLeafHessian: number;
  /** L2 penalty on leaf values. */
  readonly lambda: number;
  /** Smallest gain of a split, in nats (times the number of rows). */
  readonly minGain: number;
  /** Most bins of a number, the one for missing included. */
  readonly bins: number;
  /** Most categories of an input that are told apart; the rest count as unknown. */
  readonly categories: number;
  /** Added to a category's second derivatives when categories are put in order, and fewest rows for a category to be in a set. */
  readonly categorySmoothing: number;
  /** L2 penalty on top of `lambda` for splits by category, which overfit more easily. */
  readonly categoryLambda: number;
  /** Most categories in a set. */
  readonly categorySetSize: number;
  /** Share of rows that a tree sees. */
  readonly rowFraction: number;
  /** Share of inputs that a tree sees. */
  readonly featureFraction: number;
  /** Share of the training rows, percent, by whole days, that only decides when to stop. 0: no early stopping. */
  readonly validationPercent: number;
  /** Rounds without a better validation loss after which training stops. */
  readonly patience: number;
}

interface Rule {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
}

const whole = (value: number, min: number, max: number): Rule => ({ value, min, max, isWhole: true });
const real = (value: number, min: number, max: number): Rule => ({ value, min, max, isWhole: false });

const rules: Readonly<Record<keyof GbdtParameters, Rule>> = {
  rounds: whole(200, 1, 2_000),
  learningRate: real(0.1, 0.001, 1),
  leaves: whole(31, 2, 1_024),
  minLeafRows: whole(50, 1, 1e9),
  minLeafHessian: real(1e-3, 0, 1e9),
  lambda: real(1, 0, 1e9),
  minGain: real(1e-7, 0, 1e9),
  // Bins are bytes: 255 for values and one for missing.
  bins: whole(128, 3, 256),
  categories: whole(254, 1, 255),
  categorySmoothing: real(10, 0, 1e9),
  categoryLambda: real(10, 0, 1e9),
  categorySetSize: whole(32, 1, 255),
  rowFraction: real(0.8, 0.01, 1),
  featureFraction: real(0.8, 0.01, 1),
  validationPercent: real(15, 0, 90),
  patience: whole(20, 1, 2_000),
};

/**
 * The parameters of a job: those given, and defaults for the rest.
 *
 * @throws RecipeError EVL_RECIPE_PARAMETER_INVALID, naming all that are unknown or out of range.
 */
export function resolveParameters(given: Readonly<Record<string, number>>): GbdtParameters {
  const names = Object.keys(rules) as (keyof GbdtParameters)[];
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(rules, name)) problems.push(`${name} is not a parameter of gbdt (known: ${names.join(', ')})`);
  }
  const entries = names.map((name) => {
    const { value, min, max, isWhole } = rules[name];
    const chosen = given[name] ?? value;
    if (!(chosen >= min && chosen <= max) || (isWhole && !Number.isInteger(chosen)))
      problems.push(`${name} is ${chosen}, allowed: ${isWhole ? 'a whole number' : 'a number'} from ${min} to ${max}`);
    return [name, chosen] as const;
  });
  if (problems.length > 0) throw new RecipeError('EVL_RECIPE_PARAMETER_INVALID', problems.join('; '));
  return Object.fromEntries(entries) as unknown as GbdtParameters;
}
