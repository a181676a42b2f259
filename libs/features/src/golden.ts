import type { ModelSpec } from '@everloop/contracts';

import { FeatureError } from './error.ts';
import { readBy, type KeyOrigin, type LookupPlan, type PlannedInput } from './plan.ts';
import type { FeatureScalar } from './values.ts';

/** Name of a version's artifact with its golden rows. */
export const goldenFile = 'golden.json';
/** Largest golden file, bytes: 100 rows of 1,000 inputs with long names are about 8 MiB. */
export const goldenBytesMax = 16 * 1024 ** 2;

/** One training row from its raw values to its score; null is missing. */
export interface GoldenRow {
  /** Event time, epoch milliseconds UTC. */
  readonly timeMs: number;
  /** Request fields by name, as far as an input is read or computed from them, and the join key. */
  readonly request: Readonly<Record<string, FeatureScalar>>;
  /** Stored features that inputs are read or computed from, by `<view>.<feature>`. */
  readonly features: Readonly<Record<string, FeatureScalar>>;
  /** What the model was trained on, in the order of the Model's inputs. */
  readonly inputs: readonly FeatureScalar[];
  readonly score: number;
}

/** A sample of the rows that a version was trained on, by which whoever serves it shows that it does the same with them. */
export interface GoldenRows {
  /** In the order of the Model. */
  readonly inputs: readonly string[];
  readonly rows: readonly GoldenRow[];
}

export function encodeGolden(golden: GoldenRows): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, ...golden }));
}

/** EVL_FEATURES_GOLDEN_INVALID for what is no golden file of this format. */
export function decodeGolden(bytes: Uint8Array): GoldenRows {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw invalid(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const { format, inputs, rows } = (found ?? {}) as Partial<GoldenRows> & { readonly format?: unknown };
  if (format !== 1) throw invalid('its format is not 1');
  if (!Array.isArray(inputs) || !Array.isArray(rows)) throw invalid('it has no inputs or no rows');
  const isWhole = (row: Partial<GoldenRow>): boolean =>
    row.inputs?.length === inputs.length &&
    typeof row.score === 'number' &&
    typeof row.timeMs === 'number' &&
    isRecord(row.request) &&
    isRecord(row.features);
  if (!(rows as Partial<GoldenRow>[]).every(isWhole)) throw invalid('a row lacks inputs, score, time or raw values');
  return { inputs: inputs as string[], rows: rows as GoldenRow[] };
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function invalid(why: string): FeatureError {
  return new FeatureError('EVL_FEATURES_GOLDEN_INVALID', `The golden rows cannot be read: ${why}`);
}

/** Name of the column of a training set that holds what an on-demand input is computed from; `path` is `request.<field>` or `<view>.<feature>`. */
export function readColumn(path: string): string {
  return `${readPrefix}${path}`;
}

/** Whether a column of a training set is one that `readColumn` names. */
export function isReadColumn(name: string): boolean {
  return name.startsWith(readPrefix);
}

const readPrefix = '__read_';

/**
 * A plan that also gives what on-demand inputs are computed from, each as an input `readColumn(path)`, so that they can be computed again.
 * The same plan where nothing is computed on demand.
 */
export function withReads(plan: LookupPlan): LookupPlan {
  const reads = new Map<string, PlannedInput>();
  for (const { origin } of plan.inputs) {
    if (origin.kind !== 'onDemand') continue;
    origin.from.forEach((from, index) => {
      const name = readColumn(pathOf(plan, from));
      const type = origin.takes[index] === 'string' ? 'category' : 'number';
      reads.set(name, { name, type, list: isList(plan, from), origin: from });
    });
  }
  if (reads.size === 0) return plan;
  const inputs = [...plan.inputs, ...reads.values()];
  return { ...plan, inputs, names: inputs.map(({ name }) => name) };
}

function isList(plan: LookupPlan, from: KeyOrigin): boolean {
  return from.kind === 'view' && plan.bindings[from.binding]?.view.features[from.feature]?.list === true;
}

function pathOf({ bindings }: LookupPlan, from: KeyOrigin): string {
  if (from.kind === 'request') return `request.${from.field}`;
  const view = bindings[from.binding]?.view;
  return `${view?.name ?? ''}.${view?.features[from.feature]?.name ?? ''}`;
}

/** The raw values of one row of a training set. `value` gives a column's value; undefined where there is no such column. */
export function rawValues(
  spec: Pick<ModelSpec, 'inputs' | 'joinKey' | 'request'>,
  columns: Iterable<string>,
  value: (column: string) => FeatureScalar | undefined,
): Pick<GoldenRow, 'request' | 'features'> {
  const request: Record<string, FeatureScalar> = {};
  const features: Record<string, FeatureScalar> = {};
  const put = (path: string, found: FeatureScalar): void => {
    if (path.startsWith('request.')) request[path.slice('request.'.length)] = found;
    else features[path] = found;
  };
  const key = value('__join_key') ?? null;
  const isNumber = spec.request.find(({ name }) => name === spec.joinKey)?.type === 'number';
  put(`request.${spec.joinKey}`, isNumber && key !== null ? Number(key) : key);
  for (const { name, from } of spec.inputs) if (!from.startsWith('onDemand.')) put(from, value(name) ?? null);
  for (const name of columns) if (isReadColumn(name)) put(name.slice(readPrefix.length), value(name) ?? null);
  return { request, features };
}

/** Whether every value that the plan's inputs are made of is in a golden row. */
export function isReplayable(plan: LookupPlan, { request, features }: GoldenRow): boolean {
  return plan.inputs
    .flatMap(({ origin }) => readBy(origin))
    .every((from) => (from.kind === 'request' ? from.field in request : pathOf(plan, from) in features));
}

/** Stored values of a golden row by binding of the plan and index of the feature; undefined: none. */
export function storedValues(plan: LookupPlan, { features }: Pick<GoldenRow, 'features'>): FeatureScalar[][] {
  return plan.bindings.map(({ view }) => view.features.map(({ name }) => features[`${view.name}.${name}`] ?? null));
}
