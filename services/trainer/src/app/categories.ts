import { gatePolicy, splitOf, trainedFields, type ModelSpec, type SplitSpec } from '@everloop/contracts';
import { categoriesMax, fieldCategories, type FieldCategories } from '@everloop/features';
import type { ColumnTable } from '@everloop/storage';
import { trainerError } from '../errors.ts';
import type { Holdouts } from './rows.ts';

export interface CategoriesInput {
  readonly table: ColumnTable;
  readonly spec: Pick<ModelSpec, 'choose' | 'gate' | 'inputs' | 'joinKey' | 'request'>;
  readonly split: SplitSpec;
  readonly rowOf: Holdouts['rowOf'];
}

/**
 * The categories of the request fields that are category inputs, over the training rows. Throws EVL_TRAINER_CATEGORIES_REFUSED where the
 * Model wants requests checked against them and they cannot be: too many, or its default is none of them. O(rows × fields).
 */
export function trainedCategories({ table, spec, split, rowOf }: CategoriesInput): readonly FieldCategories[] {
  const rows: number[] = [];
  for (let row = 0; row < table.rows; row += 1) if (splitOf(rowOf(row), split) === 'train') rows.push(row);
  const found = new Map<string, FieldCategories>();
  for (const { name, type, from } of spec.inputs) {
    const field = from.startsWith('request.') ? from.slice('request.'.length) : '';
    const column = table.columns.get(name);
    if (type !== 'category' || field === '' || found.has(field) || column?.type !== 'string') continue;
    const { values } = column;
    found.set(
      field,
      fieldCategories(
        field,
        rows.map((row) => values[row] ?? null),
      ),
    );
  }
  refuseUnusable(spec, found);
  return [...found.values()];
}

function refuseUnusable(spec: CategoriesInput['spec'], found: ReadonlyMap<string, FieldCategories>): void {
  const problems = trainedFields(spec).flatMap((field) => {
    const { name, default: fallback } = field;
    const categories = found.get(name);
    if (categories === undefined) return [`the training set has no column of request field "${name}"`];
    const { count, values } = categories;
    if (values === null)
      return [`"${name}" has ${count} categories, more than ${categoriesMax} or more text than can be kept`];
    const { missing, unseen } = gatePolicy(spec, field);
    if (![missing, unseen].includes('default') || values.includes(String(fallback))) return [];
    return [`the default ${JSON.stringify(fallback)} of "${name}" is none of its ${count} categories`];
  });
  if (problems.length === 0) return;
  const advice =
    'Correct the request field in the Model: leave values: training out, list its values, or give it another default';
  throw trainerError(
    'EVL_TRAINER_CATEGORIES_REFUSED',
    `requests could not be checked against what was trained: ${problems.join('; ')}. ${advice}`,
  );
}
