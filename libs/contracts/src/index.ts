export { rewardKey } from './reward-key.ts';
export * from './topics.ts';
export type * from './dataset-types.ts';
export type * from './resources/batch-types.ts';
export { datasetCheckDefaults, hasNumericLabel, monitorDefaults } from './resources/types.ts';
export type * from './resources/types.ts';
export type * from './resources/window-types.ts';
export * as inference from './gen/inference/grpc_predict_v2.ts';
export * as inferenceConfig from './gen/inference/model_config.ts';
export * as drift from './gen/everloop/drift/v1/drift.ts';
export * as decisions from './gen/everloop/serving/v1/decision.ts';
export * as datasets from './gen/everloop/features/v1/datasets.ts';
export * as feast from './gen/feast/serving/ServingService.ts';
export * as feastServer from './gen/feast/serving/GrpcServer.ts';
export type * as feastTypes from './gen/feast/types/Value.ts';
export * as features from './gen/everloop/features/v1/features.ts';
export * as ingest from './gen/everloop/ingest/v1/ingest.ts';
export * as outcomes from './gen/everloop/outcomes/v1/outcome.ts';
export * as progress from './gen/everloop/progress/v1/progress.ts';
export * as quality from './gen/everloop/quality/v1/quality.ts';
export * as registry from './gen/everloop/registry/v1/registry.ts';
export * as rewards from './gen/everloop/outcomes/v1/reward.ts';
export * as rollout from './gen/everloop/rollout/v1/rollout.ts';
export * as serving from './gen/everloop/serving/v1/inference.ts';
export * as servingApi from './gen/everloop/serving/v1/serving.ts';
export * as training from './gen/everloop/training/v1/training.ts';
export { canonicalJson, sha256Hex } from './canonical.ts';
export { compileCel, type CelPredicate, type CelVerdict } from './cel.ts';
export { compareDecimals, parseDecimal, wholeDigits, type Decimal } from './decimal.ts';
export { durationForm, durationMs, formatDuration } from './duration.ts';
export { ContractError, describeFinding, ResourceErrors, type Finding, type ResourceProblem } from './errors.ts';
export { decisionIdOf, type DecisionRow } from './decision-id.ts';
export { inclusionWeight, isLogged } from './inclusion.ts';
export {
  driftEventTypes,
  encodeEvent,
  eventAttributes,
  eventId,
  type EventAttributes,
  type EventToEncode,
} from './events.ts';
export { compilePattern, type PatternTest } from './pattern.ts';
export { checkResources, type ResourceFinding } from './resources/checks/index.ts';
export { askedFields, chosenField } from './resources/actions.ts';
export { bindingKeys, entityFields } from './resources/entities.ts';
export {
  featureDigests,
  featureServiceName,
  pinnedService,
  resolveService,
  serviceDigest,
  serviceFeatures,
  type FeatureDefinitions,
} from './resources/feature-services.ts';
export { gatePolicy, trainedFields, valueProblem } from './resources/gate.ts';
export { namesColumn } from './resources/watched-columns.ts';
export { featurePins, pinDifference, servicePinnedBy } from './resources/feature-pins.ts';
export { celName, celResolver, featureTypes } from './resources/feature-types.ts';
export { compileOnDemand, type CompiledOnDemand } from './on-demand/feature.ts';
export { loadResources, parseResources, type ResourceFile } from './resources/load.ts';
export { decompileSpec } from './resources/compile.ts';
export { isKind, kinds } from './resources/schemas.ts';
export { findResource, ofKind, parseResource, resourceKey, toWire, type ResourceOf } from './resources/wire.ts';
export { compileSlices, type CompiledSlice, type SliceOperand } from './resources/slices.ts';
export { listNames, nearest } from './suggest.ts';
export {
  exportOdcs,
  importOdcs,
  type ExportedSource,
  type OdcsContract,
  type OdcsNote,
  type WrittenSource,
} from './odcs/index.ts';
export {
  inFixedHoldout,
  planSplit,
  splitColumn,
  splitOf,
  splitParts,
  splitUnit,
  type InnerSplit,
  type SplitPart,
  type SplitRow,
  type SplitSpec,
  type TimeRange,
} from './splits.ts';
export { checkCompatibility, type CompatibilityProblems } from './compatibility/check.ts';
export { compareSources, describeChange, violations } from './compatibility/compare.ts';
export type { Direction, SourceChange } from './compatibility/types.ts';
export { challengerWeight, championWeight, drawBuckets } from './draw.ts';
