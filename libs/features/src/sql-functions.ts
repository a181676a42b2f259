import { linearBuckets } from './buckets.ts';
import { hashDigits, linearLimit, rankMax, rawNumerator, registerCount } from './distinct.ts';
import { storageType, unitsPerOne } from './values.ts';
import type { ViewColumn, ViewFeature } from './views.ts';

/** A double as SQL reads it back, to the bit. */
export function literal(value: number): string {
  return `${value.toExponential()}::DOUBLE`;
}

/** `toUnits` in SQL: BIGINT, null where the value does not fit. */
export function unitsSql(column: string, scale: number): string {
  const units = scale === 1 ? `floor(${column} + 0.5)` : `floor(${column} * ${literal(scale)} + 0.5)`;
  return `CASE WHEN abs(${units}) < 9007199254740992 THEN CAST(${units} AS BIGINT) END`;
}

/** `exactToDouble` in SQL, of a HUGEINT. */
export function sumToDoubleSql(sum: string): string {
  const low = `((${sum} % 4294967296 + 4294967296) % 4294967296)`;
  const high = `CAST((${sum} - ${low}) // 4294967296 AS DOUBLE)`;
  const fits = `${sum} BETWEEN -9007199254740992 AND 9007199254740992`;
  return `CASE WHEN ${fits} THEN CAST(${sum} AS DOUBLE) ELSE ${high} * 4294967296::DOUBLE + CAST(${low} AS DOUBLE) END`;
}

/** `sampleDeviation` in SQL, of a count and HUGEINT sums. */
export function deviationSql(count: string, sum: string, squares: string): string {
  const n = `CAST(${count} AS HUGEINT)`;
  const rest = `((${sum} % ${n} + ${n}) % ${n})`;
  const deviations = `(${squares} - ((${sum} - ${rest}) // ${n}) * (${sum} + ${rest}))`;
  const limb = 2 ** 42;
  const top = `CAST(${deviations} // ${limb} // ${limb} AS DOUBLE)`;
  const middle = `CAST(${deviations} // ${limb} % ${limb} AS DOUBLE)`;
  const total = `((${top} * ${literal(limb)} + ${middle}) * ${literal(limb)} + CAST(${deviations} % ${limb} AS DOUBLE))`;
  const r = `CAST(${rest} AS DOUBLE)`;
  const spread = `greatest(0::DOUBLE, ${total} - (${r} * ${r}) / CAST(${count} AS DOUBLE))`;
  return `CASE WHEN ${count} >= 2 THEN sqrt(${spread} / CAST(${count} - 1 AS DOUBLE)) END`;
}

/** `bucketOf` in SQL, of a BIGINT. The logarithm may be off by one next to a power of two, which is put right. */
export function bucketSql(units: string): string {
  const size = `abs(${units})`;
  const about = `CAST(floor(log2(CAST(greatest(${size}, 1) AS DOUBLE))) AS BIGINT)`;
  const bit = `(${about} + CASE WHEN ${size} >= (1::BIGINT << (${about} + 1)) THEN 1 WHEN ${size} < (1::BIGINT << ${about}) THEN -1 ELSE 0 END)`;
  const shift = `(${bit} - 7)`;
  const bucket = `${shift} * ${linearBuckets} + (${size} >> ${shift})`;
  return `CASE WHEN ${size} < ${linearBuckets} THEN ${units} ELSE sign(${units}) * (${bucket}) END`;
}

/** `bucketMiddle` in SQL, of a bucket. */
export function bucketMiddleSql(bucket: string): string {
  const size = `abs(${bucket})`;
  const shift = `(${size} // ${linearBuckets} - 1)`;
  const width = `(1::BIGINT << ${shift})`;
  const middle = `CAST((${size} - ${shift} * ${linearBuckets}) * ${width} AS DOUBLE) + CAST(${width} - 1 AS DOUBLE) / 2`;
  return `CASE WHEN ${size} < ${2 * linearBuckets} THEN CAST(${bucket} AS DOUBLE) ELSE sign(${bucket}) * (${middle}) END`;
}

/** Middle of the bucket of rank max(1, ceil(q n)) in an ordered list of buckets. */
export function quantileSql(buckets: string, q: number): string {
  const rank = `CAST(greatest(1, ceil(${literal(q)} * len(${buckets}))) AS BIGINT)`;
  return `CASE WHEN len(${buckets}) > 0 THEN ${bucketMiddleSql(`${buckets}[${rank}]`)} END`;
}

/** The 52 bits under which a value is counted as distinct. */
function distinctBitsSql(column: ViewColumn, value: string, units: string): string {
  const text = storageType(column.type) === 'string' ? value : `CAST(${units} AS VARCHAR)`;
  return `CAST('0x' || substr(md5(${text}), 1, ${hashDigits}) AS BIGINT)`;
}

/** Register and rank of a value: `addDistinct` in SQL. */
export function registerSql(column: ViewColumn, value: string, units: string): { register: string; rank: string } {
  const bits = distinctBitsSql(column, value, units);
  const rest = `(${bits} // ${registerCount})`;
  return {
    register: `${bits} % ${registerCount}`,
    rank: `CASE WHEN ${rest} = 0 THEN ${rankMax} ELSE bit_count(xor(${rest}, ${rest} - 1)) END`,
  };
}

/** `estimateDistinct` in SQL, of the number of used registers and the sum of 2^(42 - rank) over them. */
export function estimateSql(used: string, sum: string): string {
  const empty = `(${registerCount} - ${used})`;
  const raw = `(${literal(rawNumerator)} / CAST(${empty} * ${2 ** rankMax} + ${sum} AS DOUBLE))`;
  const linear = `${literal(registerCount)} * ln(${literal(registerCount)} / CAST(${empty} AS DOUBLE))`;
  return `floor(CASE WHEN ${raw} > ${linearLimit} OR ${empty} = 0 THEN ${raw} ELSE ${linear} END + 0.5)`;
}

/** Whether a function is computed from tiles; the others need the single events. */
export function isAdditive(feature: ViewFeature): boolean {
  return ['count', 'sum', 'mean', 'min', 'max', 'std'].includes(feature.function);
}

/** Value of an additive function from the totals of its window: `n`, and `n<i>`, `s<i>`, `q<i>`, `l<i>`, `h<i>` of `from`. */
export function additiveSql(feature: ViewFeature, column: ViewColumn | undefined, from: string): string {
  const index = feature.column;
  const of = (stem: string): string => `${from}.${stem}${index}`;
  const scale = literal(column === undefined ? 1 : unitsPerOne(column.type));
  const count = `coalesce(${index < 0 ? `${from}.n` : of('n')}, 0)`;
  const sum = sumToDoubleSql(`coalesce(${of('s')}, 0::HUGEINT)`);
  switch (feature.function) {
    case 'count':
      return `CAST(${count} AS DOUBLE)`;
    case 'sum':
      return `(${sum}) / ${scale}`;
    case 'mean':
      return `(${sum}) / ${scale} / nullif(CAST(${count} AS DOUBLE), 0)`;
    case 'min':
      return of('l');
    case 'max':
      return of('h');
    default:
      return `(${deviationSql(count, of('s'), of('q'))}) / ${scale}`;
  }
}
