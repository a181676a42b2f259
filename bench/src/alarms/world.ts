import { drift } from '@everloop/contracts';
import { prepareBaseline, type Baseline } from '@everloop/drift';
import { clusterEffectOf, binIndex, normalCdf, normalQuantile } from '@everloop/stats';

// Fields of one simulated model: normal, independent, on 256 bins whose edges are the quantiles of the standard normal distribution. Bin
// counts are drawn row by row from the exact bin probabilities, 3 ns a row, which is the same as drawing values and binning them.

export const fieldCount = 50;
export const binCount = 256;
export const shiftedFields = 5;
/** Levels of an entity's effect: equally likely normal quantiles. */
const levels = 64;
const rowsOfEntity = 50;
const hourMs = 3_600_000;

const edges = Array.from({ length: binCount - 1 }, (_, i) => normalQuantile((i + 1) / binCount));
const names = Array.from({ length: fieldCount }, (_, i) => `f${String(i).padStart(2, '0')}`);

/** 32 random bits a call: xorshift (Marsaglia 2003), never seeded with 0. */
export function bits(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < 10; i += 1) next();
  return next;
}

/** Table of A. J. Walker (1977) for 256 bins: 8 bits choose a place, 24 whether its own or the other bin. */
interface Alias {
  readonly limit: Uint32Array;
  readonly other: Uint8Array;
}

function aliasOf(mean: number, spread: number): Alias {
  const cdf = edges.map((edge) => normalCdf((edge - mean) / spread));
  const shares = Array.from({ length: binCount }, (_, i) => ((cdf[i] ?? 1) - (cdf[i - 1] ?? 0)) * binCount);
  const [limit, other] = [new Uint32Array(binCount).fill(2 ** 24), new Uint8Array(binCount)];
  const small = shares.flatMap((share, i) => (share < 1 ? [i] : []));
  const large = shares.flatMap((share, i) => (share < 1 ? [] : [i]));
  while (small.length > 0 && large.length > 0) {
    const low = small.pop() ?? 0;
    const high = large[large.length - 1] ?? 0;
    limit[low] = Math.round((shares[low] ?? 0) * 2 ** 24);
    other[low] = high;
    shares[high] = (shares[high] ?? 0) - (1 - (shares[low] ?? 0));
    if ((shares[high] ?? 0) < 1) small.push(large.pop() ?? 0);
  }
  return { limit, other };
}

const tables = new Map<string, Alias>();
function tableOf(mean: number, spread = 1): Alias {
  const key = `${mean}/${spread}`;
  const known = tables.get(key);
  if (known !== undefined) return known;
  const table = aliasOf(mean, spread);
  tables.set(key, table);
  return table;
}

/** Effects of entities: half of a unit variance, scaled so that the levels have it exactly. */
const effects = (() => {
  const raw = Array.from({ length: levels }, (_, i) => normalQuantile((i + 0.5) / levels));
  const variance = raw.reduce((sum, x) => sum + x * x, 0) / levels;
  return raw.map((x) => x * Math.sqrt(0.5 / variance));
})();

/** What the world is like. */
export interface World {
  /** Amplitude of a daily cycle of all fields' means, standard deviations. */
  readonly season: number;
  /** Rows come from entities of 50 rows each, half of the variance between them. */
  readonly isClustered: boolean;
}

/** How far the first five fields have moved. */
export type ShiftAt = (hour: number) => number;

/** One window's rows by bins: each hour's share of `rows`. */
export class Sampler {
  readonly #world: World;
  readonly #next: () => number;
  readonly #counts = new Uint32Array(binCount);

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#next = bits(seed);
  }

  #draw(table: Alias, rows: number): void {
    const { limit, other } = table;
    for (let r = 0; r < rows; r += 1) {
      const random = this.#next();
      const place = random & 255;
      const bin = random >>> 8 < (limit[place] ?? 0) ? place : (other[place] ?? 0);
      this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    }
  }

  /** Of an unmoved field, whose bins are equally likely: four rows from 32 bits. */
  #drawEven(rows: number): void {
    const counts = this.#counts;
    for (let r = 0; r < rows; r += 4) {
      let random = this.#next();
      for (let i = Math.min(4, rows - r); i > 0; i -= 1) {
        const bin = random & 255;
        counts[bin] = (counts[bin] ?? 0) + 1;
        random >>>= 8;
      }
    }
  }

  #field(field: string, startHour: number, hours: number, rows: number, shift: number): drift.FieldCounts {
    this.#counts.fill(0);
    const { season, isClustered } = this.#world;
    if (isClustered) {
      for (let entity = 0; entity < rows / rowsOfEntity; entity += 1)
        this.#draw(tableOf(shift + (effects[this.#next() % levels] ?? 0), Math.SQRT1_2), rowsOfEntity);
    } else if (season === 0 && shift === 0) this.#drawEven(rows);
    else if (season === 0) this.#draw(tableOf(shift), rows);
    else {
      for (let h = 0; h < hours; h += 1) {
        const mean = season * Math.sin((2 * Math.PI * ((startHour + h) % 24)) / 24);
        this.#draw(tableOf(mean + shift), Math.round(rows / hours));
      }
    }
    const [bins, counts]: [number[], number[]] = [[], []];
    for (let bin = 0; bin < binCount; bin += 1) {
      const count = this.#counts[bin] ?? 0;
      if (count === 0) continue;
      bins.push(bin);
      counts.push(count);
    }
    return { field, bins, counts, missing: 0 };
  }

  /** Rows of `hours` hours as one pane. */
  pane(startHour: number, hours: number, rows: number, shift = 0): drift.Pane {
    const fields = names.map((field, i) => this.#field(field, startHour, hours, rows, i < shiftedFields ? shift : 0));
    const entities = this.#world.isClustered ? Math.round(rows / rowsOfEntity) : 0;
    const units =
      entities === 0
        ? undefined
        : {
            hashes: Array.from({ length: entities }, (_, i) => startHour * 1_000 + i),
            counts: Array.from({ length: entities }, () => rowsOfEntity),
            incomplete: false,
          };
    return drift.Pane.fromPartial({
      ...{ model: 'm', baselineVersion: '1', startMs: startHour * hourMs, widthMs: hours * hourMs },
      ...{ rows: fields[0]?.counts.reduce((sum, count) => sum + count, 0) ?? 0, fields },
      ...(units === undefined ? {} : { units }),
    });
  }
}

/** Intraclass correlation of the bins of rows of one entity, as training measures it. */
function intraclassOf(world: World): number {
  if (!world.isClustered) return 0;
  const sampler = bits(99);
  const [values, clusters]: [number[], number[]] = [[], []];
  for (let entity = 0; entity < 2_000; entity += 1) {
    const effect = effects[sampler() % levels] ?? 0;
    for (let r = 0; r < 10; r += 1) {
      const value = effect + Math.SQRT1_2 * normalQuantile((sampler() + 0.5) / 2 ** 32);
      values.push(binIndex(edges, value));
      clusters.push(entity);
    }
  }
  return clusterEffectOf(values, clusters).intraclass;
}

const known = new Map<boolean, number>();

/** A training snapshot: panes in time, and the baseline of all of their rows, or of those of the same hour of the day. */
export interface Snapshot {
  readonly panes: readonly drift.Pane[];
  readonly baseline: Baseline;
}

function baselineOf(world: World, panes: readonly drift.Pane[]): Baseline {
  const intraclass = known.get(world.isClustered) ?? intraclassOf(world);
  known.set(world.isClustered, intraclass);
  const sums = names.map(() => new Array<number>(binCount).fill(0));
  for (const pane of panes) {
    pane.fields.forEach(({ bins, counts }, f) => {
      const sum = sums[f];
      if (sum !== undefined) bins.forEach((bin, i) => (sum[bin] = (sum[bin] ?? 0) + (counts[i] ?? 0)));
    });
  }
  const fields = names.map((field, f) => {
    return drift.FieldReference.fromPartial({ field, kind: 'numeric', edges, counts: sums[f] ?? [], intraclass });
  });
  const rows = panes.reduce((sum, pane) => sum + pane.rows, 0);
  const unitRows = world.isClustered ? rowsOfEntity : 1;
  return prepareBaseline(drift.Baseline.fromPartial({ model: 'm', modelVersion: '1', fields, rows, unitRows }));
}

/** `days` days of panes of `hours` hours with `rows` rows each. */
export function snapshotOf(world: World, days: number, hours: number, rows: number, seed: number): Snapshot {
  const sampler = new Sampler(world, seed);
  const panes = Array.from({ length: (days * 24) / hours }, (_, i) => sampler.pane(i * hours, hours, rows));
  return { panes, baseline: baselineOf(world, panes) };
}

/** Middles of the bins, for distances in units of the values. */
export const binMiddles = Array.from({ length: binCount }, (_, i) => normalQuantile((i + 0.5) / binCount));
