export * from './backfill-sql.ts';
export type { ViewReading } from './aggregate-read.ts';
export * from './batch.ts';
export * from './categories.ts';
export * from './error.ts';
export * from './golden.ts';
export * from './lookup.ts';
export * from './murmur2.ts';
export * from './online-keys.ts';
export * from './parity.ts';
export * from './pit-sql.ts';
export { planFunctions, type PlanFunction } from './plan-functions.ts';
export * from './plan.ts';
export * from './row.ts';
export { finishedInputs, isFinished, type FinishedInput, type SparkInput } from './spark-finish.ts';
export { sparkPointInTimeSql, type SparkPointInTimeInput, type SparkQuery, type SparkView } from './spark-sql.ts';
export {
  asScalar,
  entityKey,
  scalarOf,
  storageType,
  timestampMs,
  toUnits,
  type EventFields,
  type FeatureScalar,
  type FeatureValue,
  unitsPerOne,
} from './values.ts';
export * from './views.ts';
