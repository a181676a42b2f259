import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SparkInput } from '@everloop/features';
import { badInput } from '../../errors.ts';

/** What `submission.json` of a job says: all that finishing its answer takes. */
export interface Submission {
  readonly inputs: readonly SparkInput[];
  /** Columns of the answer between `__row` and the inputs. */
  readonly keys: readonly string[];
}

/** Folders of a job. */
export const jobFolders = {
  /** What the user gets. */
  output: 'output',
  /** What Spark wrote, where that has to be finished. */
  spark: 'spark',
} as const;

/** Reads what was asked of a job. EVL_CLI_INPUT_INVALID when the folder holds none. */
export async function readSubmission(folder: string): Promise<Submission> {
  const path = join(folder, 'submission.json');
  const read = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as Partial<Submission>,
    (error: unknown) => {
      throw badInput(`${folder} holds no job: name the folder that was given as --job (${String(error)})`);
    },
  );
  const { inputs, keys } = read;
  if (inputs === undefined || keys === undefined)
    throw badInput(`${path} was written by another version of everloop: finish the job with that one`);
  return { inputs, keys };
}
