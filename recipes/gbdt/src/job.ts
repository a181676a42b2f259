import type { InnerSplit, SplitSpec, TimeRange } from '@everloop/contracts';
import { RecipeError } from './errors.ts';

export interface JobInput {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** A category that is free text. */
  readonly text?: boolean;
}

/** Number inputs that are one vector. */
export interface JobEmbedding {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Principal components to watch. */
  readonly components: number;
}

/** What rows belong to: rows of one unit may be alike. */
export interface JobUnit {
  /** Name of the field for those who read the baseline. */
  readonly field: string;
  /** Column of the dataset: an input, `__group` or `__join_key`. */
  readonly column: string;
}

/** The recipe contract, version 1: what a job file holds. Written by the trainer, read by every recipe. */
export interface Job {
  readonly contractVersion: 1;
  readonly model: string;
  /** Parquet; columns: the inputs by name, `__join_key`, `__time_ms`, `__label`, and `__group` where the split has a column. */
  readonly datasetPath: string;
  readonly inputs: readonly JobInput[];
  /** What the baseline describes together; none where the job does not say. */
  readonly embeddings: readonly JobEmbedding[];
  /** Null where nobody knows it. */
  readonly unit: JobUnit | null;
  readonly split: SplitSpec;
  readonly parameters: Readonly<Record<string, number>>;
  readonly seed: number;
  /** Folder for the results; exists and is empty. */
  readonly outDir: string;
}

/** Checks the text of a job file. @throws RecipeError EVL_RECIPE_JOB_INVALID naming the first wrong field. */
export function parseJob(text: string): Job {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const job = record(value, 'job');
  if (job['contractVersion'] !== 1) throw invalid('contractVersion must be 1');
  const split = record(job['split'], 'split');
  const inputs = list(job['inputs'], 'inputs').map(parseInput);
  if (inputs.length === 0) throw invalid('inputs is empty');
  return {
    contractVersion: 1,
    model: words(job['model'], 'model'),
    datasetPath: words(job['datasetPath'], 'datasetPath'),
    inputs,
    embeddings: list(job['embeddings'] ?? [], 'embeddings').map(parseEmbedding),
    unit: job['unit'] === undefined || job['unit'] === null ? null : parseUnit(record(job['unit'], 'unit')),
    split: {
      train: parseRange(split['train'], 'split.train'),
      timeHoldout: parseRange(split['timeHoldout'], 'split.timeHoldout'),
      fixedHoldoutPercent: number(split['fixedHoldoutPercent'], 'split.fixedHoldoutPercent'),
      fixedHoldoutSalt: words(split['fixedHoldoutSalt'], 'split.fixedHoldoutSalt'),
      ...(split['inner'] === undefined ? {} : { inner: parseInner(split['inner']) }),
    },
    parameters: Object.fromEntries(
      Object.entries(record(job['parameters'], 'parameters')).map(([name, each]) => [
        name,
        number(each, `parameters.${name}`),
      ]),
    ),
    seed: number(job['seed'], 'seed'),
    outDir: words(job['outDir'], 'outDir'),
  };
}

function parseInput(value: unknown, index: number): JobInput {
  const input = record(value, `inputs[${index}]`);
  const type = input['type'];
  if (type !== 'number' && type !== 'category') throw invalid(`inputs[${index}].type must be number or category`);
  return { name: words(input['name'], `inputs[${index}].name`), type, text: input['text'] === true };
}

function parseEmbedding(value: unknown, index: number): JobEmbedding {
  const path = `embeddings[${index}]`;
  const embedding = record(value, path);
  return {
    name: words(embedding['name'], `${path}.name`),
    inputs: list(embedding['inputs'], `${path}.inputs`).map((each, i) => words(each, `${path}.inputs[${i}]`)),
    components: number(embedding['components'], `${path}.components`),
  };
}

function parseUnit(unit: Readonly<Record<string, unknown>>): JobUnit {
  return { field: words(unit['field'], 'unit.field'), column: words(unit['column'], 'unit.column') };
}

function parseInner(value: unknown): InnerSplit {
  const inner = record(value, 'split.inner');
  const { by, column, strict } = inner;
  const amount = (name: string): number => number(inner[name], `split.inner.${name}`);
  if (by === 'time') return { by, validationFromMs: amount('validationFromMs'), gapMs: amount('gapMs') };
  if (by !== 'group' && by !== 'entity') throw invalid('split.inner.by must be time, group or entity');
  return {
    by,
    column: column === null ? null : words(column, 'split.inner.column'),
    salt: words(inner['salt'], 'split.inner.salt'),
    validationPercent: amount('validationPercent'),
    testPercent: amount('testPercent'),
    strict: strict === true,
  };
}

function parseRange(value: unknown, path: string): TimeRange {
  const range = record(value, path);
  return { fromMs: number(range['fromMs'], `${path}.fromMs`), untilMs: number(range['untilMs'], `${path}.untilMs`) };
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${path} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${path} must be a list`);
  return value;
}

function words(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalid(`${path} must be text`);
  return value;
}

function number(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(`${path} must be a number`);
  return value;
}

function invalid(what: string): RecipeError {
  return new RecipeError('EVL_RECIPE_JOB_INVALID', `the job file is wrong: ${what}`);
}
