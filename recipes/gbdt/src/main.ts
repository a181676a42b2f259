/** `node src/main.ts <job.json>`: does one job and prints JSON lines. Exit code 0 done, 2 the job cannot be done, 1 anything else. */
import { readFile } from 'node:fs/promises';
import { RecipeError } from './errors.ts';
import { parseJob } from './job.ts';
import { runJob, type ReportLine } from './run-job.ts';

const report = (
  line: ReportLine | { readonly event: 'failed'; readonly code: string; readonly message: string },
): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

try {
  const [path] = process.argv.slice(2);
  if (path === undefined) throw new RecipeError('EVL_RECIPE_JOB_INVALID', 'give the path of a job file');
  await runJob(parseJob(await readFile(path, 'utf8')), report);
} catch (error) {
  if (!(error instanceof RecipeError)) throw error;
  report({ event: 'failed', code: error.code, message: error.message });
  process.exitCode = 2;
}
