import { categoriesFile, encodeCategories, encodeGolden, goldenFile } from '@everloop/features';
import { planSplit, registry, splitColumn } from '@everloop/contracts';
import { concatColumns, type ColumnTable } from '@everloop/storage';
import { championOf, labelledRowsMetric, versionKeys } from '../domain/champion.ts';
import { figuresOf, isApproved, judge, sliceFigures, type GateVerdict } from '../domain/gates.ts';
import { jobIdOf } from '../domain/job-ids.ts';
import type { CleanData } from './held-data.ts';
import type { TrainingRequest } from '../domain/requests.ts';
import { trainingUnit } from '../domain/training-unit.ts';
import { trainerError } from '../errors.ts';
import type {
  AppliedModel,
  Artifacts,
  DatasetReader,
  FrozenData,
  HoldoutVault,
  RecipeResult,
  Recipes,
  Scorer,
  TrainingData,
  VersionLedger,
} from '../ports.ts';
import { evaluate, type EvaluatedVersion, type EvaluationInput } from './evaluate.ts';

export interface TrainingDependencies {
  readonly data: TrainingData;
  readonly vault: HoldoutVault;
  readonly readDataset: DatasetReader;
  readonly recipes: Recipes;
  readonly ledger: VersionLedger;
  readonly artifacts: Artifacts;
  readonly scorer: Scorer;
  readonly scoreTimeoutMs: number;
  /** Commit and runtime, recorded with each version. */
  readonly provenance: () => { readonly codeCommit: string; readonly environment: Readonly<Record<string, string>> };
  /** Aborts when the service stops. */
  readonly signal: AbortSignal;
}

export interface TrainingOutcome {
  readonly version: registry.ModelVersion;
  /** False when the registry had the job's version already. */
  readonly isNew: boolean;
}

/**
 * One job from its request to a registered version: freeze the training set, run the recipe, check the exported model, judge it against
 * the champion, store its artifacts, register it as approved or rejected. Repeating a job that was registered gives the same version
 * without training again. Rejects with a terminal ServiceError when the job is impossible.
 */
export async function train(
  deps: TrainingDependencies,
  request: TrainingRequest,
  model: AppliedModel,
  { held, cleanRows }: Pick<CleanData, 'held' | 'cleanRows'>,
): Promise<TrainingOutcome> {
  const jobId = jobIdOf(request.id);
  const versions = await deps.ledger.versions(model.name);
  const known = versions.find((version) => version.jobId === jobId);
  if (known !== undefined) return { version: known, isNew: false };
  const { training, label, inputs, embeddings = [], gates } = model.spec;
  const split = planSplit(training, label.waitMs, request.eventTimeMs);
  const { fromMs } = split.train;
  const frozen = await deps.data.freeze({
    ...{ model: model.name, fromMs, untilMs: request.eventTimeMs, exclude: held.ranges, reason: `job ${jobId}` },
  });
  refuseLeaks(frozen.checks);
  const { dataset, path } = frozen;
  const columns = inputs.map(({ name, type, text }) => ({ name, type, ...(text === true ? { text } : {}) }));
  const result = await deps.recipes.run(
    {
      ...{ jobId, model: model.name, recipe: training.recipe, datasetPath: path, inputs: columns, embeddings, split },
      unit: trainingUnit(model),
      ...{ parameters: training.parameters, seed: training.seed, timeoutMs: training.timeoutMs },
    },
    deps.signal,
  );
  try {
    const champion = championOf(versions, jobId);
    const input: EvaluationInput = {
      ...{
        scorer: deps.scorer,
        artifacts: deps.artifacts,
        table: await evaluationRows(deps, frozen, jobId),
        inputs: columns,
      },
      ...{ spec: model.spec, seed: training.seed },
      ...{ split, groupColumn: splitColumn(training), challenger: result, champion, timeoutMs: deps.scoreTimeoutMs },
    };
    const evaluation = await evaluate(input);
    const verdicts = judge(evaluation, gates);
    const { codeCommit, environment } = deps.provenance();
    const version = await deps.ledger.register({
      ...registry.ModelVersion.fromPartial({}),
      model: model.name,
      stage: isApproved(verdicts) ? 'approved' : 'rejected',
      dataset,
      parameters: {
        ...parametersOf(result, training.recipe, { split, inputs: columns, held: held.ranges }),
        ...model.pins,
      },
      metrics: {
        ...prefixed(result),
        ...figuresOf(evaluation, gates),
        ...sliceFigures(evaluation.slices),
        parity: evaluation.parity,
        [labelledRowsMetric]: cleanRows,
      },
      gates: verdicts.map(toGate),
      artifacts: await storeArtifacts(deps.artifacts, result, evaluation),
      parentVersion: champion?.version ?? '',
      ...{ trigger: request.trigger, jobId, codeCommit, environment: { ...environment } },
      ...{ eventTimeMs: request.eventTimeMs, seed: training.seed, modelRevision: model.revision },
    });
    return { version, isNew: true };
  } finally {
    await result.discard();
  }
}

/** The open rows, and those of the fixed holdout, which are fetched when the recipe has ended. */
async function evaluationRows(
  deps: TrainingDependencies,
  { dataset, path }: FrozenData,
  jobId: string,
): Promise<ColumnTable> {
  const open = await deps.readDataset(path);
  // A feature store that makes no snapshots seals nothing either.
  const held =
    dataset.snapshotId === '' ? null : await deps.vault.open(dataset.snapshotId, `evaluation of job ${jobId}`);
  return held === null ? open : concatColumns(open, held);
}

/** @throws ServiceError EVL_TRAINER_DATASET_REFUSED with what the checks found and the rows that show it. */
function refuseLeaks(checks: FrozenData['checks']): void {
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  if (failed.length === 0) return;
  const found = failed.map(({ check, detail, examples }) =>
    [`${check}: ${detail}`, ...examples.map((row) => `  for example ${row}`)].join('\n'),
  );
  const advice = 'Correct the data or the Model, or say in its checks that this is wanted.';
  throw trainerError('EVL_TRAINER_DATASET_REFUSED', `the training set is refused: ${found.join('\n')}\n${advice}`);
}

function parametersOf(
  result: RecipeResult,
  recipe: string,
  said: { split: object; inputs: readonly object[]; held: readonly object[] },
): Record<string, string> {
  const own = Object.entries(result.parameters).map(([name, value]) => [name, String(value)] as const);
  return {
    ...Object.fromEntries(own),
    [versionKeys.recipe]: recipe,
    [versionKeys.split]: JSON.stringify(said.split),
    [versionKeys.inputs]: JSON.stringify(said.inputs),
    ...(said.held.length === 0 ? {} : { [versionKeys.held]: JSON.stringify(said.held) }),
  };
}

function prefixed(result: RecipeResult): Record<string, number> {
  return Object.fromEntries(Object.entries(result.figures).map(([name, value]) => [`recipe.${name}`, value]));
}

function toGate({ name, verdict, detail, champion, challenger }: GateVerdict) {
  return { name, verdict, detail, champion, challenger };
}

async function storeArtifacts(
  store: Artifacts,
  result: RecipeResult,
  { golden, categories }: Pick<EvaluatedVersion, 'golden' | 'categories'>,
): Promise<registry.Artifact[]> {
  const files = {
    'model.onnx': result.model,
    'baseline.json': result.baseline,
    ...(result.history === null ? {} : { 'history.pb': result.history }),
    'metrics.json': result.metrics,
    ...(golden === null ? {} : { [goldenFile]: encodeGolden(golden) }),
    ...(categories.length === 0 ? {} : { [categoriesFile]: encodeCategories(categories) }),
  };
  const stored: registry.Artifact[] = [];
  for (const [name, bytes] of Object.entries(files))
    stored.push({ name, digest: await store.put(bytes), sizeBytes: bytes.length });
  return stored;
}
