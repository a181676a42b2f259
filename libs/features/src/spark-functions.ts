import { linearBuckets } from './buckets.ts';
import { hashDigits, linearLimit, rankMax, rawNumerator, registerCount } from './distinct.ts';
import { storageType, unitsPerOne } from './values.ts';
import type { CompiledView, ViewColumn, ViewFeature } from './views.ts';

/*
 * The functions of sql-functions.ts in Spark's words. Whole numbers are DECIMAL(38, 0), which holds what DuckDB's HUGEINT holds of them, and fails
 * instead of wrapping around; doubles are added, multiplied and rounded in the same places, so that results agree to the bit.
 */

/** A double as Spark reads it back, to the bit. */
function literal(value: number): string {
  return `${value.toExponential().toUpperCase()}D`;
}

/** A feature that is computed over the single events of its window; the registers of `approxDistinct` need a query of their own. */
export type WindowFeature = ViewFeature & {
  readonly function: Exclude<ViewFeature['function'], 'newest' | 'approxDistinct'>;
};

export function isWindowFeature(feature: ViewFeature): feature is WindowFeature {
  return feature.function !== 'newest' && feature.function !== 'approxDistinct';
}

const whole = (value: string): string => `CAST(${value} AS DECIMAL(38, 0))`;

/** `toUnits`: BIGINT, null where the value does not fit. */
export function sparkUnits(column: ViewColumn, value: string): string {
  const scale = unitsPerOne(column.type);
  const scaled = scale === 1 ? `(${value} + 0.5D)` : `(${value} * ${literal(scale)} + 0.5D)`;
  return `CASE WHEN ${scaled} < 9007199254740992D AND ${scaled} >= -9007199254740991D THEN CAST(floor(${scaled}) AS BIGINT) END`;
}

/**
 * How an aggregate is computed in steps, each of which only names what the step before has: columns are written once, however often they are
 * needed, and what Spark has to analyse stays small.
 */
export interface SparkSteps {
  /** Aggregates over the events of a row's window, by the name of the column. */
  readonly gathered: Readonly<Record<string, string>>;
  /** Further columns, level by level. */
  readonly levels: readonly Readonly<Record<string, string>>[];
  readonly value: string;
}

/** `a / b` of whole numbers, rounded down, for b > 0: the quotient of a multiple is exact. */
function floorDivided(a: string, b: string): string {
  return whole(`(${a} - pmod(${a}, ${b})) / ${b}`);
}

/** `exactToDouble`. */
function sumToDouble(sum: string): string {
  const two32 = whole('4294967296');
  const fits = `${sum} BETWEEN -9007199254740992 AND 9007199254740992`;
  const high = `CAST(${floorDivided(sum, two32)} AS DOUBLE)`;
  return `CASE WHEN ${fits} THEN CAST(${sum} AS DOUBLE) ELSE ${high} * 4294967296D + CAST(pmod(${sum}, ${two32}) AS DOUBLE) END`;
}

/** `sampleDeviation`, of the columns n, s (sum) and q (squares) of a column. */
function deviation(column: number, scale: string): Pick<SparkSteps, 'levels' | 'value'> {
  const [n, s, q, r, d, u] = ['n', 's', 'q', 'r', 'd', 'u'].map((stem) => `${stem}${column}`) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const limb = whole(String(2 ** 42));
  const count = whole(`nullif(${n}, 0)`);
  const double = literal(2 ** 42);
  const total = `((CAST(${floorDivided(u, limb)} AS DOUBLE) * ${double} + CAST(pmod(${u}, ${limb}) AS DOUBLE)) * ${double} + CAST(pmod(${d}, ${limb}) AS DOUBLE))`;
  const rest = `CAST(${r} AS DOUBLE)`;
  const spread = `greatest(0D, ${total} - (${rest} * ${rest}) / CAST(${n} AS DOUBLE))`;
  return {
    levels: [
      { [r]: `pmod(${s}, ${count})` },
      { [d]: `${q} - CAST(${whole(`(${s} - ${r}) / ${count}`)} AS DECIMAL(18, 0)) * ${whole(`${s} + ${r}`)}` },
      { [u]: floorDivided(d, limb) },
    ],
    value: `CASE WHEN ${n} >= 2 THEN sqrt(${spread} / CAST(${n} - 1 AS DOUBLE)) END / ${scale}`,
  };
}

/** `bucketOf`, of a BIGINT. */
function bucket(units: string): string {
  const size = `abs(${units})`;
  // Whole numbers below 2^53 have as many binary digits as their text says; no logarithm, no rounding.
  const shift = `(length(bin(${size})) - 8)`;
  const wide = `CAST(sign(${units}) AS BIGINT) * (${shift} * ${linearBuckets} + shiftright(${size}, ${shift}))`;
  return `CASE WHEN ${size} < ${linearBuckets} THEN ${units} ELSE ${wide} END`;
}

/** `bucketMiddle`. */
function bucketMiddle(at: string): string {
  const size = `abs(${at})`;
  const shift = `CAST(${size} div ${linearBuckets} - 1 AS INT)`;
  const width = `shiftleft(1L, ${shift})`;
  const middle = `(CAST((${size} - ${shift} * ${linearBuckets}) * ${width} AS DOUBLE) + CAST(${width} - 1 AS DOUBLE) / 2D)`;
  return `CASE WHEN ${size} < ${2 * linearBuckets} THEN CAST(${at} AS DOUBLE) ELSE sign(${at}) * ${middle} END`;
}

function quantile(feature: ViewFeature, at: number, scale: string): SparkSteps {
  const sorted = `g${feature.column}`;
  const rank = `CAST(greatest(1D, CAST(ceil(${literal(feature.quantile)} * size(${sorted})) AS DOUBLE)) AS INT)`;
  return {
    gathered: { [sorted]: `sort_array(collect_list(${bucket(`u${feature.column}`)}))` },
    levels: [{ [`b${at}`]: `CASE WHEN size(${sorted}) > 0 THEN element_at(${sorted}, ${rank}) END` }],
    value: `${bucketMiddle(`b${at}`)} / ${scale}`,
  };
}

/** The 52 bits under which a value is counted as distinct; null for what is not counted. */
export function sparkDistinctBits(column: ViewColumn, index: number): string {
  const text = storageType(column.type) === 'string' ? `c${index}` : `CAST(u${index} AS STRING)`;
  return `CAST(conv(substr(md5(CAST(${text} AS BINARY)), 1, ${hashDigits}), 16, 10) AS BIGINT)`;
}

/** Rank of what is left of the bits: `addDistinct`. */
export function sparkRank(rest: string): string {
  return `CASE WHEN ${rest} = 0 THEN ${rankMax} ELSE bit_count(${rest} ^ (${rest} - 1)) END`;
}

/** `estimateDistinct`, of the number of used registers and the sum of 2^(42 - rank) over them. */
export function sparkEstimate(used: string, sum: string): string {
  const empty = `(${registerCount} - ${used})`;
  const raw = `(${literal(rawNumerator)} / CAST(${empty} * ${2 ** rankMax} + ${sum} AS DOUBLE))`;
  const linear = `${literal(registerCount)} * ln(${literal(registerCount)} / CAST(${empty} AS DOUBLE))`;
  return `CAST(floor(CASE WHEN ${empty} = 0 OR ${raw} > ${literal(linearLimit)} THEN ${raw} ELSE ${linear} END + 0.5D) AS DOUBLE)`;
}

/** The newest k values, an array. */
function newest(column: number, k: number): SparkSteps {
  const sorted = `newest${column}`;
  const event = `named_struct('rank', rank, 'value', c${column})`;
  return {
    gathered: { [sorted]: `sort_array(collect_list(${event}) FILTER (WHERE c${column} IS NOT NULL), false)` },
    levels: [],
    value: `transform(slice(${sorted}, 1, ${k}), event -> event.value)`,
  };
}

/** The steps of feature number `at` over events with the columns c (values) and u (units). */
export function sparkSteps(view: CompiledView, feature: WindowFeature, at: number): SparkSteps {
  const index = feature.column;
  const column = view.columns[index];
  if (column === undefined) return { gathered: { n: 'count(*)' }, levels: [], value: 'CAST(n AS DOUBLE)' };
  const units = storageType(column.type) === 'number' ? `u${index}` : `c${index}`;
  const scale = literal(unitsPerOne(column.type));
  const [n, s] = [`n${index}`, `s${index}`];
  const count = { [n]: `count(${units})` };
  const sum = { [s]: `coalesce(sum(${whole(units)}), ${whole('0')})` };
  const total = { [`t${index}`]: sumToDouble(s) };
  const plain = (gathered: SparkSteps['gathered'], value: string): SparkSteps => ({ gathered, levels: [], value });
  switch (feature.function) {
    case 'count':
      return plain(count, `CAST(${n} AS DOUBLE)`);
    case 'sum':
      return { gathered: sum, levels: [total], value: `t${index} / ${scale}` };
    case 'mean':
      return {
        gathered: { ...count, ...sum },
        levels: [total],
        value: `t${index} / ${scale} / nullif(CAST(${n} AS DOUBLE), 0D)`,
      };
    case 'min':
    case 'max': {
      const name = `${feature.function}${index}`;
      return plain({ [name]: `${feature.function}(CASE WHEN ${units} IS NOT NULL THEN c${index} END)` }, name);
    }
    case 'std': {
      const narrow = `CAST(${units} AS DECIMAL(16, 0))`;
      return {
        gathered: { ...count, ...sum, [`q${index}`]: `sum(${whole(`${narrow} * ${narrow}`)})` },
        ...deviation(index, scale),
      };
    }
    case 'last':
      return plain(
        { [`last${index}`]: `max_by(c${index}, rank) FILTER (WHERE c${index} IS NOT NULL)` },
        `last${index}`,
      );
    case 'lastK':
      return newest(index, feature.k);
    case 'quantile':
      return quantile(feature, at, scale);
  }
}

/** What an aggregate is of no events. */
export function ofNothing(view: CompiledView, feature: ViewFeature): string {
  if (feature.function === 'lastK') {
    const isNumber = storageType(view.columns[feature.column]?.type ?? 'number') === 'number';
    return `CAST(array() AS ARRAY<${isNumber ? 'DOUBLE' : 'STRING'}>)`;
  }
  return feature.function === 'count' || feature.function === 'sum' || feature.function === 'approxDistinct'
    ? '0D'
    : 'NULL';
}
