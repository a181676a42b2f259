import { createHash } from 'node:crypto';
import type { ModelSpec, registry, SplitSpec } from '@everloop/contracts';
import type { FieldCategories, GoldenRows } from '@everloop/features';
import { classify, errorText } from '@everloop/service';
import type { ColumnTable } from '@everloop/storage';
import { inputsOfVersion, splitOfVersion } from '../domain/champion.ts';
import type { Evaluation, ScoredRows, ScoredSlice } from '../domain/gates.ts';
import { isUnseenBy } from '../domain/unseen.ts';
import { trainerError } from '../errors.ts';
import type { Artifacts, RecipeInput, RecipeResult, Scorer } from '../ports.ts';
import { trainedCategories } from './categories.ts';
import { sampleGolden, scoreGolden } from './golden.ts';
import { findHoldouts, scoreRows, type Holdouts } from './rows.ts';
import { sliceRows } from './slice-rows.ts';

const challengerKey = 'challenger';
const championKey = 'champion';

/** Largest difference between the recipe's scores and the runtime's. Float32 sums of a few hundred trees differ by about 1e-6. */
const parityMax = 1e-5;

export interface EvaluationInput {
  readonly scorer: Scorer;
  readonly artifacts: Pick<Artifacts, 'path'>;
  readonly table: ColumnTable;
  readonly inputs: readonly RecipeInput[];
  readonly spec: Pick<ModelSpec, 'choose' | 'gate' | 'inputs' | 'joinKey' | 'request' | 'slices'>;
  /** Chooses the golden rows. */
  readonly seed: number;
  readonly split: SplitSpec;
  /** Field that the rows' groups are of; null without groups. */
  readonly groupColumn: string | null;
  readonly challenger: Pick<RecipeResult, 'modelPath' | 'model' | 'sample'>;
  readonly champion: registry.ModelVersion | null;
  readonly timeoutMs: number;
}

export interface EvaluatedVersion extends Evaluation {
  readonly parity: number;
  /** Training rows with their scores by the runtime that will serve the version; null where the training set does not allow it. */
  readonly golden: GoldenRows | null;
  /** Rows of the time holdout by slice. */
  readonly slices: readonly ScoredSlice[];
  /** Of the request fields that are category inputs. */
  readonly categories: readonly FieldCategories[];
}

/**
 * Loads the challenger into the runtime that will serve it, checks that it scores there as it did in training, and scores both versions on
 * the holdouts. A champion that cannot be scored is a finding, not an error. The models are unloaded at the end.
 */
export async function evaluate(input: EvaluationInput): Promise<EvaluatedVersion> {
  const { scorer, challenger } = input;
  const digest = createHash('sha256').update(challenger.model).digest('hex');
  try {
    await scorer.load(challengerKey, challenger.modelPath, digest);
    const parity = await checkParity(input);
    const holdouts = findHoldouts(input.table, input.split);
    const categories = trainedCategories({ ...input, rowOf: holdouts.rowOf });
    const mine = await scoreHoldouts(input, challengerKey, input.inputs, holdouts);
    const sampled = sampleGolden({ ...input, rowOf: holdouts.rowOf });
    const golden =
      sampled === null
        ? null
        : await scoreGolden({ ...input, ...sampled, rowOf: holdouts.rowOf }, scorer, challengerKey, input.timeoutMs);
    const champion = await scoreChampion(input, holdouts);
    const isShared = (row: number): boolean =>
      input.champion === null || isUnseenBy(championTraining(input.champion), holdouts.rowOf(row), input.groupColumn);
    const part = (rows: Int32Array, keep: (row: number) => boolean): ScoredRows => {
      const kept = rows.filter(keep);
      const of = (scores: ReadonlyMap<number, number>): Float64Array =>
        Float64Array.from(kept, (row) => scores.get(row) ?? NaN);
      return {
        labels: holdouts.labelsOf(kept),
        challenger: of(mine),
        champion: champion.scores === null ? null : of(champion.scores),
      };
    };
    const everyRow = (): boolean => true;
    const slices = sliceRows(input.table, input.spec, holdouts.timeHoldout);
    return {
      parity,
      golden,
      categories,
      slices: slices.map(({ name, rows }) => ({ name, ...part(rows, everyRow) })),
      recent: part(holdouts.timeHoldout, everyRow),
      recentShared: part(holdouts.timeHoldout, isShared),
      fixedShared: part(holdouts.fixedHoldout, isShared),
      championVersion: input.champion?.version ?? null,
      championTrouble: champion.trouble,
    };
  } catch (error) {
    // A model that brings the runtime down does so every time: repeating the job would never end.
    if (classify(error) !== 'retryable') throw error;
    const message = `the challenger could not be evaluated: ${errorText(error)}`;
    throw trainerError('EVL_TRAINER_EVALUATION_FAILED', message, error);
  } finally {
    await scorer.unload(challengerKey).catch(() => undefined);
    await scorer.unload(championKey).catch(() => undefined);
  }
}

/** @throws ServiceError EVL_TRAINER_PARITY_FAILED when the exported model is another one than was trained. */
async function checkParity({ scorer, challenger, inputs, timeoutMs }: EvaluationInput): Promise<number> {
  const { sample } = challenger;
  const widths = (['number', 'category'] as const).map((type) => inputs.filter((input) => input.type === type).length);
  const isShaped = sample.every((row) => row.numeric.length === widths[0] && row.category.length === widths[1]);
  if (sample.length === 0 || !isShaped)
    throw trainerError('EVL_TRAINER_PARITY_FAILED', 'sample.json has no rows or rows of another shape than the inputs');
  const rows = {
    rows: sample.length,
    numeric: Float32Array.from(sample.flatMap((row) => row.numeric.map((value) => value ?? NaN))),
    categories: sample.flatMap((row) => row.category),
  };
  const scores = await scorer.run(challengerKey, rows, { timeoutMs });
  const differences = sample.map((row, index) => Math.abs(row.score - (scores[index] ?? NaN)));
  const worst = differences.reduce((most, each) => (each > most || Number.isNaN(each) ? each : most), 0);
  if (worst <= parityMax) return worst;
  const message = `the exported model scores ${sample.length} sample rows up to ${worst} away from training, at most ${parityMax} is allowed`;
  throw trainerError('EVL_TRAINER_PARITY_FAILED', message);
}

function championTraining(champion: registry.ModelVersion) {
  return { split: splitOfVersion(champion), eventTimeMs: champion.eventTimeMs };
}

async function scoreChampion(
  input: EvaluationInput,
  holdouts: Holdouts,
): Promise<{ readonly scores: ReadonlyMap<number, number> | null; readonly trouble: string | null }> {
  const { champion, scorer, artifacts } = input;
  if (champion === null) return { scores: null, trouble: null };
  const artifact = champion.artifacts.find(({ name }) => name === 'model.onnx');
  const inputs = inputsOfVersion(champion) ?? input.inputs;
  if (artifact === undefined) return { scores: null, trouble: `version ${champion.version} has no model.onnx` };
  try {
    await scorer.load(championKey, artifacts.path(artifact.digest), artifact.digest);
    return { scores: await scoreHoldouts(input, championKey, inputs, holdouts), trouble: null };
  } catch (error) {
    return { scores: null, trouble: `version ${champion.version}: ${errorText(error)}` };
  }
}

async function scoreHoldouts(
  { scorer, table, timeoutMs }: EvaluationInput,
  key: string,
  inputs: readonly RecipeInput[],
  holdouts: Holdouts,
): Promise<ReadonlyMap<number, number>> {
  const rows = Int32Array.from([...holdouts.timeHoldout, ...holdouts.fixedHoldout]);
  const scores = await scoreRows(scorer, key, table, inputs, rows, timeoutMs);
  return new Map(Array.from(rows, (row, index) => [row, scores[index] ?? NaN]));
}
