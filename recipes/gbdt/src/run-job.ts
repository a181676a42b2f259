import { drift } from '@everloop/contracts';
import { auc } from '@everloop/stats';
import { readParquetColumns } from '@everloop/storage';
import { partValidation, readDataset, splitRows, type Dataset, type SplitRows } from './dataset.ts';
import { RecipeError } from './errors.ts';
import { gbdtToOnnx } from './gbdt-to-onnx.ts';
import type { BinnedColumn, Encoder } from './gbdt/binned.ts';
import { gainShares } from './gbdt/importance.ts';
import { resolveParameters, type GbdtParameters } from './gbdt/parameters.ts';
import { predict, trainGbdt, type RoundLoss, type TrainResult } from './gbdt/train.ts';
import { buildHistory } from './history.ts';
import type { Job } from './job.ts';
import { encode, fitEncoders } from './preprocess.ts';
import { buildBaseline, buildSample, sampleColumns, writeResult } from './results.ts';
import { addLikeness } from './units.ts';

/** A line for the trainer's log. */
export type ReportLine =
  | ({ readonly event: 'loss' } & RoundLoss)
  | { readonly event: 'rows'; readonly train: number; readonly validation: number; readonly holdout: number }
  | { readonly event: 'done'; readonly trees: number; readonly cpuMs: number };

/** A fitted model with everything that is needed to describe it. */
export interface Fitted extends TrainResult {
  readonly encoders: readonly Encoder[];
  readonly columns: readonly BinnedColumn[];
  readonly parts: SplitRows;
  readonly fitRows: Int32Array;
  readonly validationRows: Int32Array;
}

const sampleRows = 198;
/** Fewest unfitted scores for a baseline; with fewer all training rows are scored. */
const baselineScoresMin = 500;

/** Trains on the train split only. @throws RecipeError EVL_RECIPE_DATASET_TOO_SMALL when there is nothing to learn from. */
export function fit(
  dataset: Dataset,
  job: Pick<Job, 'split' | 'seed'>,
  parameters: GbdtParameters,
  report: (line: ReportLine) => void,
): Fitted {
  const parts = splitRows(dataset, job.split);
  const { fit: fitRows, validation } =
    job.split.inner === undefined
      ? partValidation(dataset, parts.train, parameters.validationPercent, job.seed)
      : { fit: parts.train, validation: parts.validation };
  const holdout = parts.timeHoldout.length + parts.fixedHoldout.length + parts.test.length;
  report({ event: 'rows', train: parts.train.length, validation: validation.length, holdout });
  const positives = fitRows.reduce((sum, row) => sum + (dataset.labels[row] as number), 0);
  if (positives === 0 || positives === fitRows.length) {
    const message = `the train split has ${fitRows.length} rows to fit, ${positives} of them with label 1; both labels are needed`;
    throw new RecipeError(
      'EVL_RECIPE_DATASET_TOO_SMALL',
      `${message}. Give it a longer window or wait for more labels.`,
    );
  }
  const encoders = fitEncoders(dataset, parts.train, parameters);
  const columns = encode(dataset.columns, encoders);
  const result = trainGbdt({
    columns,
    labels: dataset.labels,
    fitRows,
    validationRows: validation,
    parameters,
    seed: job.seed,
    onLoss: (loss) => report({ event: 'loss', ...loss }),
  });
  return { ...result, encoders, columns, parts, fitRows, validationRows: validation };
}

/** Does a job: reads the dataset, trains, writes model.onnx, baseline.json, history.pb, metrics.json and sample.json into `outDir`. */
export async function runJob(job: Job, report: (line: ReportLine) => void): Promise<void> {
  const parameters = resolveParameters(job.parameters);
  const dataset = readDataset(await readParquetColumns(job.datasetPath, { threads: 1 }), job.inputs);
  const fitted = fit(dataset, job, parameters, report);
  const { ensemble, columns, encoders, parts } = fitted;
  const scored = fitted.validationRows.length >= baselineScoresMin ? fitted.validationRows : parts.train;
  const scores = predict(ensemble, columns, scored);
  const importances = gainShares(ensemble, columns.length);
  const plain = buildBaseline(job, dataset, parts.train, { scores, importances });
  const scoredRows = { rows: scored, scores };
  const baseline =
    job.unit === null ? plain : addLikeness(plain, dataset, parts.train, { unit: job.unit, scored: scoredRows });
  const history = buildHistory(baseline, dataset, parts.train, scoredRows);
  const sampled = sampleColumns(dataset, sampleRows);
  const sampledRows = Int32Array.from({ length: sampled[0]?.values.length ?? 0 }, (_, row) => row);
  await writeResult(job.outDir, 'model.onnx', gbdtToOnnx(ensemble, encoders));
  await writeResult(job.outDir, 'baseline.json', drift.Baseline.toJSON(baseline) as object);
  await writeResult(job.outDir, 'history.pb', drift.History.encode(history).finish());
  await writeResult(
    job.outDir,
    'sample.json',
    buildSample(sampled, predict(ensemble, encode(sampled, encoders), sampledRows)),
  );
  await writeResult(job.outDir, 'metrics.json', describe(dataset, fitted, parameters, job.seed));
  report({ event: 'done', trees: ensemble.trees.length, cpuMs: Math.round(process.cpuUsage().user / 1_000) });
}

/** What metrics.json says. No times: the same job writes the same bytes. */
function describe(dataset: Dataset, fitted: Fitted, parameters: GbdtParameters, seed: number): object {
  const { ensemble, columns, parts, fitRows, validationRows, losses } = fitted;
  const last = losses.at(-1);
  const validationLabels = Array.from(validationRows, (row) => dataset.labels[row] as number);
  const validationAuc = auc(predict(ensemble, columns, validationRows), validationLabels);
  const metrics = {
    trees: ensemble.trees.length,
    fitLogLoss: last?.fit,
    validationLogLoss: last?.validation,
    validationAuc,
  };
  return {
    recipe: 'gbdt',
    parameters,
    seed,
    rows: {
      total: dataset.rows,
      train: parts.train.length,
      fit: fitRows.length,
      validation: validationRows.length,
      ...(parts.test.length === 0 ? {} : { test: parts.test.length }),
      timeHoldout: parts.timeHoldout.length,
      fixedHoldout: parts.fixedHoldout.length,
      unused: parts.unused.length,
    },
    metrics: finiteOnly(metrics),
    losses: losses.map((loss) => finiteOnly({ ...loss })),
  };
}

/** JSON has no NaN; what is not known is left out. */
function finiteOnly(values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (Number.isFinite(value) ? [[name, value ?? 0]] : [])),
  );
}
