import { chown, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { errorText } from '@everloop/service';
import { trainerError } from '../errors.ts';
import type { RecipeJob, RecipeResult, Recipes, SampleRow } from '../ports.ts';
import { runChild } from './recipe-process.ts';

export interface RecipeFolderOptions {
  readonly recipesDir: string;
  /** Each job works in `<jobsDir>/<job id>`. */
  readonly jobsDir: string;
  readonly memoryMib: number;
  /** User that recipes run as; null: the one of this process. */
  readonly uid: number | null;
  readonly onLine: (jobId: string, line: Readonly<Record<string, unknown>>) => void;
}

const contractVersion = 1;
const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const jobIdPattern = /^[0-9a-f]{32}$/;
/** Largest result files, bytes; a model has at most 64 MiB. */
const resultBytesMax = 64 * 1024 * 1024;

/** Recipes in a folder, each `<name>/recipe.json` with an entry that is run as a program of its own. */
export function createRecipeFolder(options: RecipeFolderOptions): Recipes {
  return {
    async run(job, signal) {
      const entry = await findEntry(options.recipesDir, job.recipe);
      if (!jobIdPattern.test(job.jobId))
        throw trainerError('EVL_TRAINER_RECIPE_INVALID', `job id ${job.jobId} is no id`);
      const folder = resolve(options.jobsDir, job.jobId);
      const outDir = join(folder, 'out');
      // A crash may have left half of an earlier run.
      await rm(folder, { recursive: true, force: true });
      await mkdir(outDir, { recursive: true });
      const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
      try {
        const path = join(folder, 'job.json');
        await writeFile(path, JSON.stringify(jobFile(job, outDir)));
        const { timeoutMs } = job;
        const onLine = (line: Readonly<Record<string, unknown>>): void => options.onLine(job.jobId, line);
        const { memoryMib, uid } = options;
        if (uid !== null) for (const each of [folder, outDir, path]) await chown(each, uid, uid);
        const readable = [...programFolders(options.recipesDir), resolve(job.datasetPath), folder];
        const limits = { timeoutMs, memoryMib, uid, readable, writable: [folder] };
        await runChild({ entry, args: [path], cwd: folder, signal, onLine, ...limits });
        return { ...(await readResults(outDir)), discard };
      } catch (error) {
        await discard();
        throw error;
      }
    },
  };
}

/** What a recipe's program is made of: the recipes, and the packages beside them. */
function programFolders(recipesDir: string): readonly string[] {
  const root = dirname(resolve(recipesDir));
  return [resolve(recipesDir), ...['node_modules', 'libs', 'package.json'].map((name) => join(root, name))];
}

async function findEntry(recipesDir: string, recipe: string): Promise<string> {
  if (!namePattern.test(recipe))
    throw trainerError('EVL_TRAINER_RECIPE_NOT_FOUND', `"${recipe}" is no name of a recipe`);
  const folder = resolve(recipesDir, recipe);
  const text = await readFile(join(folder, 'recipe.json'), 'utf8').catch((error: unknown) => {
    throw trainerError(
      'EVL_TRAINER_RECIPE_NOT_FOUND',
      `there is no recipe ${recipe} in ${recipesDir} (EVL_RECIPES_DIR)`,
      error,
    );
  });
  const said = parseJson(text, `recipe.json of ${recipe}`) as {
    readonly entry?: unknown;
    readonly contractVersion?: unknown;
  };
  if (said.contractVersion !== contractVersion || typeof said.entry !== 'string')
    throw trainerError(
      'EVL_TRAINER_RECIPE_INVALID',
      `recipe.json of ${recipe} must have contractVersion ${contractVersion} and an entry`,
    );
  const entry = resolve(folder, said.entry);
  if (!entry.startsWith(folder + sep))
    throw trainerError('EVL_TRAINER_RECIPE_INVALID', `the entry of ${recipe} lies outside of its folder`);
  return entry;
}

function jobFile(job: RecipeJob, outDir: string): object {
  const { model, inputs, embeddings, unit, split, parameters, seed } = job;
  const datasetPath = resolve(job.datasetPath);
  const named = unit === null ? {} : { unit };
  return { contractVersion, model, datasetPath, inputs, embeddings, ...named, split, parameters, seed, outDir };
}

async function readResults(outDir: string): Promise<Omit<RecipeResult, 'discard'>> {
  const modelPath = join(outDir, 'model.onnx');
  const [model, baseline, metrics, sample] = await Promise.all(
    ['model.onnx', 'baseline.json', 'metrics.json', 'sample.json'].map((name) => readResult(outDir, name)),
  );
  const said = parseJson(text(metrics), 'metrics.json') as {
    readonly parameters?: Readonly<Record<string, number>>;
    readonly metrics?: Readonly<Record<string, number>>;
  };
  const rows = (parseJson(text(sample), 'sample.json') as { readonly rows?: readonly SampleRow[] }).rows;
  parseJson(text(baseline), 'baseline.json');
  return {
    ...{
      modelPath,
      model: model ?? new Uint8Array(),
      baseline: baseline ?? new Uint8Array(),
      history: (await readdir(outDir)).includes('history.pb') ? await readResult(outDir, 'history.pb') : null,
      metrics: metrics ?? new Uint8Array(),
    },
    ...{ parameters: said.parameters ?? {}, figures: said.metrics ?? {}, sample: rows ?? [] },
  };
}

async function readResult(outDir: string, name: string): Promise<Uint8Array> {
  const path = join(outDir, name);
  try {
    const { size } = await stat(path);
    if (size <= resultBytesMax) return await readFile(path);
  } catch (error) {
    throw trainerError('EVL_TRAINER_RECIPE_FAILED', `the recipe wrote no ${name}: ${errorText(error)}`, error);
  }
  throw trainerError('EVL_TRAINER_RECIPE_FAILED', `the recipe's ${name} has more than ${resultBytesMax} bytes`);
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

function parseJson(content: string, what: string): object {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw trainerError('EVL_TRAINER_RECIPE_INVALID', `${what} is not JSON: ${errorText(error)}`, error);
  }
  throw trainerError('EVL_TRAINER_RECIPE_INVALID', `${what} is no JSON object`);
}
