import { existsSync } from 'node:fs';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { finishedInputs, isFinished } from '@everloop/features';
import { ServiceError } from '@everloop/service';
import { clearStaging, fsyncPath, sqlName, sqlText, type DuckDb } from '@everloop/storage';
import { jobFolders, readSubmission, type Submission } from './submission.ts';

/** An answer that is whole. */
export interface FinishedJob {
  readonly output: string;
  readonly rows: number;
}

const success = '_SUCCESS';

/**
 * Makes of what Spark wrote the answer that DuckDB's path gives: lists as text, and what is computed on demand, by the one implementation. File by
 * file, so that memory does not grow with the answer, and one that was cut short goes on behind the last file. `output` is there only when all
 * of it is; a job whose answer is there already is left alone. EVL_CLI_SPARK_UNFINISHED while Spark has not written all.
 */
export async function finishJob(path: string, duck: DuckDb): Promise<FinishedJob> {
  const folder = resolve(path);
  const submission = await readSubmission(folder);
  const output = join(folder, jobFolders.output);
  if (!existsSync(join(output, success))) {
    if (isFinished(submission.inputs)) throw unfinished(output, path);
    await finish(folder, output, { submission, duck, path }).catch((error: unknown) => {
      // Another one that ran beside this one was faster.
      if (!existsSync(join(output, success))) throw error;
    });
  }
  const [counted] = await duck.all(`SELECT count(*) AS n FROM read_parquet(${sqlText(join(output, '*.parquet'))})`);
  return { output, rows: Number(counted?.['n']) };
}

async function finish(
  folder: string,
  output: string,
  { submission, duck, path }: { readonly submission: Submission; readonly duck: DuckDb; readonly path: string },
): Promise<void> {
  const from = join(folder, jobFolders.spark);
  if (!existsSync(join(from, success))) throw unfinished(from, path);
  const { columns, functions } = finishing(submission);
  duck.define(functions);
  const unfinishedOutput = join(folder, '.finishing');
  for (const name of (await readdir(from)).filter((each) => each.endsWith('.parquet')).sort()) {
    // Spark's names say how it compressed.
    const target = join(unfinishedOutput, name.replace(/(\.\w+)?\.parquet$/, '.zstd.parquet'));
    if (!existsSync(target))
      await duck.copyToParquet(`SELECT ${columns} FROM read_parquet(${sqlText(join(from, name))})`, target);
  }
  await clearStaging(unfinishedOutput);
  await writeFile(join(unfinishedOutput, success), '');
  await fsyncPath(unfinishedOutput);
  await rename(unfinishedOutput, output);
  await fsyncPath(folder);
}

function finishing({ inputs, keys }: Submission): {
  readonly columns: string;
  readonly functions: ReturnType<typeof finishedInputs>['functions'];
} {
  const finished = finishedInputs(inputs);
  const columns = finished.inputs.map(({ name, value, status }) => {
    const own = sqlName(`${name}__status`);
    return `${value} AS ${sqlName(name)}, ${status ?? own} AS ${own}`;
  });
  return { columns: ['__row', ...keys.map(sqlName), ...columns].join(', '), functions: finished.functions };
}

function unfinished(answer: string, path: string): ServiceError {
  return new ServiceError({
    code: 'EVL_CLI_SPARK_UNFINISHED',
    kind: 'terminal',
    message: `${answer} holds no whole answer of Spark (${success} is missing). When the job has ended: everloop features finish ${path}. If it wrote where this machine cannot look, copy the folder of the job here first`,
  });
}
