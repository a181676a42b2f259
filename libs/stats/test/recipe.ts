import { readFileSync } from 'node:fs';

/** How a golden sample is rebuilt; the recipe is written out in golden/drift.json. */
export interface SampleRecipe {
  readonly values?: readonly number[];
  readonly kind?: 'bell' | 'grid' | 'uniform' | 'cat';
  readonly seed?: number;
  readonly n?: number;
  readonly k?: number;
  readonly scale?: number;
  readonly shift?: number;
}

interface Sums {
  readonly reference_sum: number;
  readonly current_sum: number;
  readonly reference_head: readonly number[];
  readonly current_head: readonly number[];
}

interface BinnedShares {
  readonly inner_edges: readonly number[];
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly value: number;
}

interface Distances {
  readonly e: number;
  readonly '2': number;
}

export interface NumericCase {
  readonly reference: SampleRecipe;
  readonly current: SampleRecipe;
  readonly check: Sums;
  readonly ks: {
    readonly statistic: number;
    readonly pvalue: number;
    readonly used: 'exact' | 'asymp';
    readonly location: number;
    readonly sign: number;
    readonly statistic_asymp: number;
    /** Null: not a number. */
    readonly pvalue_asymp: number | null;
    readonly p_kolmogorov: number;
  };
  readonly psi?: { readonly quantile10: BinnedShares; readonly width10: BinnedShares };
  readonly js?: { readonly quantile10: Distances; readonly width10: Distances };
  readonly wasserstein: { readonly value: number; readonly norm: number };
  readonly evidently: Readonly<Record<string, number>>;
  readonly nannyml: Readonly<Record<string, number>>;
}

interface Tested {
  readonly statistic: number | 'inf';
  readonly pvalue: number;
}

export interface CategoricalCase {
  readonly reference: SampleRecipe;
  readonly current: SampleRecipe;
  readonly counts: {
    readonly keys: readonly number[];
    readonly reference: readonly number[];
    readonly current: readonly number[];
  };
  readonly chi2: {
    readonly statistic: number;
    readonly dof: number;
    readonly pvalue: number;
    readonly yates?: Tested;
    readonly gof: Tested;
  };
  readonly psi: { readonly 'floor1e-4': number };
  readonly js: Distances;
  readonly l_infinity: number;
  readonly evidently: Readonly<Record<string, number>>;
  readonly nannyml: Readonly<Record<string, number>>;
}

/** Parts of one stream; the other keys name detectors and hold the places, from 0, where they report a drift. */
export interface StreamCase {
  readonly parts: readonly SampleRecipe[];
  readonly [detector: string]: readonly SampleRecipe[] | readonly number[];
}

interface Golden {
  readonly numeric: Readonly<Record<string, NumericCase>>;
  readonly categorical: Readonly<Record<string, CategoricalCase>>;
  readonly streams: Readonly<Record<string, StreamCase>>;
}

export const golden = JSON.parse(readFileSync(new URL('golden/drift.json', import.meta.url), 'utf8')) as Golden;

function uniforms(seed: number): () => number {
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    z ^= z >> 31n;
    return Number(z >> 11n) * 2 ** -53;
  };
}

/** Rebuilds a golden sample bit for bit. */
export function sample(recipe: SampleRecipe): readonly number[] {
  if (recipe.values !== undefined) return recipe.values;
  const next = uniforms(recipe.seed ?? 0);
  const bell = (): number => {
    let sum = next();
    for (let i = 1; i < 12; i += 1) sum += next();
    return sum - 6;
  };
  return Array.from({ length: recipe.n ?? 0 }, () => {
    if (recipe.kind === 'cat') {
      const u = next();
      return Math.floor(u * u * (recipe.k ?? 1));
    }
    const value = (recipe.kind === 'uniform' ? next() : bell()) * (recipe.scale ?? 1) + (recipe.shift ?? 0);
    return recipe.kind === 'grid' ? Math.floor(value * 4) / 4 : value;
  });
}
