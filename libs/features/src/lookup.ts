import { features } from '@everloop/contracts';

import type { ViewReading } from './aggregate-read.ts';
import { storedValues, type GoldenRow } from './golden.ts';
import { rowKeys, type InputOrigin, type KeyOrigin, type LookupPlan, type PlannedView } from './plan.ts';
import { readView } from './row.ts';
import { asScalar, type FeatureScalar, type FeatureValue } from './values.ts';

const { FeatureStatus } = features;

/** A model's inputs as of a moment. */
export interface FeatureVector {
  /** Names of the model's inputs, in its order. */
  readonly names: readonly string[];
  /** Parallel to `names`; null unless the status is PRESENT. */
  readonly values: readonly FeatureScalar[];
  readonly statuses: readonly features.FeatureStatus[];
  /** Views that have nothing about the entity, or nothing young enough; in the order of the model's views. */
  readonly degradedViews: readonly string[];
  /** How old the newest that each view has is, milliseconds, in the order of the model's views; -1: it has nothing. Too old is told too. */
  readonly viewAgesMs: readonly number[];
}

/** Request fields by name; absent, null and undefined are missing. */
export type RequestFields = Readonly<Record<string, FeatureScalar | undefined>>;

/** One vector to look up, as of `asOfMs` (event time, epoch milliseconds). */
export interface LookupRow {
  readonly request: RequestFields;
  readonly asOfMs: number;
}

/** Reads byte strings by key: values in the order of the keys, null where there is none. */
export type Mget = (keys: readonly string[]) => Promise<readonly (Buffer | null)[]>;

/** What a view says, with the status of all its values. */
interface ViewResult {
  readonly status: features.FeatureStatus;
  readonly values: readonly (FeatureValue | undefined)[];
  /** Milliseconds; -1: there is nothing. */
  readonly ageMs: number;
}

const absent: ViewResult = { status: FeatureStatus.NOT_FOUND, values: [], ageMs: -1 };
const noAges: readonly number[] = [];

function resultOf(planned: PlannedView, reading: ViewReading, asOfMs: number): ViewResult {
  if (!reading.found) return absent;
  const ageMs = asOfMs - reading.newestMs;
  if (ageMs > planned.view.ttlMs) return { status: FeatureStatus.OUTSIDE_MAX_AGE, values: [], ageMs };
  return { status: FeatureStatus.PRESENT, values: reading.values, ageMs };
}

function valueFrom(origin: KeyOrigin, request: RequestFields, results: readonly ViewResult[]): FeatureScalar {
  if (origin.kind === 'request') return request[origin.field] ?? null;
  return asScalar(results[origin.binding]?.values[origin.feature] ?? null);
}

function inputValue(origin: InputOrigin, request: RequestFields, results: readonly ViewResult[]): FeatureScalar {
  if (origin.kind !== 'onDemand') return valueFrom(origin, request, results);
  return origin.feature.evaluate(origin.from.map((from) => valueFrom(from, request, results)));
}

function vectorOf(plan: LookupPlan, request: RequestFields, results: readonly ViewResult[]): FeatureVector {
  const values: FeatureScalar[] = [];
  const statuses: features.FeatureStatus[] = [];
  for (const { origin } of plan.inputs) {
    const value = inputValue(origin, request, results);
    const view =
      origin.kind === 'view' ? (results[origin.binding]?.status ?? FeatureStatus.NOT_FOUND) : FeatureStatus.PRESENT;
    values.push(value);
    statuses.push(view === FeatureStatus.PRESENT && value === null ? FeatureStatus.NULL_VALUE : view);
  }
  const degradedViews: string[] = [];
  plan.bindings.forEach((planned, index) => {
    if (results[index]?.status !== FeatureStatus.PRESENT) degradedViews.push(planned.view.name);
  });
  const viewAgesMs = results.length === 0 ? noAges : results.map(({ ageMs }) => ageMs);
  return { names: plan.names, values, statuses, degradedViews, viewAgesMs };
}

/** The vector when no view can be read: request fields only, every view degraded. */
export function vectorWithoutViews(plan: LookupPlan, request: RequestFields): FeatureVector {
  return vectorOf(
    plan,
    request,
    plan.bindings.map(() => absent),
  );
}

/** A golden row's inputs, computed from its raw values as a request's are from what the store has. */
export function vectorOfGolden(plan: LookupPlan, row: Pick<GoldenRow, 'request' | 'features'>): FeatureVector {
  const results = storedValues(plan, row).map((values): ViewResult => ({
    status: FeatureStatus.PRESENT,
    values,
    ageMs: -1,
  }));
  return vectorOf(plan, row.request, results);
}

/** Collects keys of one read, each once. */
class KeySet {
  readonly keys: string[] = [];
  readonly #index = new Map<string, number>();

  add(key: string): number {
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    const index = this.keys.length;
    this.#index.set(key, index);
    this.keys.push(key);
    return index;
  }
}

/**
 * Looks up many rows with one `mget` per phase (one, or two where a key comes from another view); keys that rows share are read
 * once. The values are those as of each row's own time.
 */
export async function lookupMany(plan: LookupPlan, rows: readonly LookupRow[], mget: Mget): Promise<FeatureVector[]> {
  const results: ViewResult[][] = rows.map(() => plan.bindings.map(() => absent));
  for (const phase of plan.phases) {
    const keys = new KeySet();
    const reads: { readonly row: number; readonly binding: number; readonly at: readonly number[] }[] = [];
    rows.forEach((row, rowIndex) => {
      for (const binding of phase) {
        const planned = plan.bindings[binding];
        if (planned === undefined) continue;
        const parts = planned.keys.map((key) => valueFrom(key, row.request, results[rowIndex] ?? []));
        const names = rowKeys(planned.view, ...parts);
        if (names.length > 0) reads.push({ row: rowIndex, binding, at: names.map((name) => keys.add(name)) });
      }
    });
    if (reads.length === 0) continue;
    const stored = await mget(keys.keys);
    for (const read of reads) {
      const planned = plan.bindings[read.binding];
      const row = rows[read.row];
      const into = results[read.row];
      if (planned === undefined || row === undefined || into === undefined) continue;
      const buffers = read.at.map((index) => stored[index] ?? null);
      into[read.binding] = resultOf(planned, readView(planned.view, buffers, row.asOfMs, planned.wanted), row.asOfMs);
    }
  }
  return rows.map((row, index) => vectorOf(plan, row.request, results[index] ?? []));
}

/** Looks up one row; see `lookupMany`. */
export async function lookup(
  plan: LookupPlan,
  request: RequestFields,
  asOfMs: number,
  mget: Mget,
): Promise<FeatureVector> {
  const [vector] = await lookupMany(plan, [{ request, asOfMs }], mget);
  return vector ?? vectorWithoutViews(plan, request);
}
