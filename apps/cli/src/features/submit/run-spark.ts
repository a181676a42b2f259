import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { ServiceError } from '@everloop/service';
import type { SparkJob } from './spark-job.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface SparkOptions {
  readonly env: Environment;
  /** Path of `spark-submit`; by default that of SPARK_HOME or PATH. */
  readonly sparkSubmit?: string;
  /** Python that has PySpark, instead of `spark-submit`. */
  readonly python?: string;
  readonly master?: string;
  /** `key=value` each. */
  readonly conf: readonly string[];
  /** Whether the answer must be there when the command ends. */
  readonly wait: boolean;
  /** Receives each line that Spark writes. */
  readonly log: (line: string) => void;
}

/** Lines of Spark's log that an error ends with. */
const linesKept = 12;

/** The command line that submits a job. EVL_CLI_SPARK_MISSING when there is no Spark here. */
export function sparkCommand(
  job: Pick<SparkJob, 'program' | 'job'>,
  { env, sparkSubmit, python, master, conf }: Omit<SparkOptions, 'log' | 'wait'>,
): { readonly command: string; readonly args: readonly string[]; readonly env: Environment } {
  const flags = [...(master === undefined ? [] : ['--master', master]), ...conf.flatMap((pair) => ['--conf', pair])];
  if (python !== undefined) {
    const submitArgs = [...flags, 'pyspark-shell'].join(' ');
    return {
      command: python,
      args: [job.program, job.job],
      env: { ...env, PYSPARK_PYTHON: python, PYSPARK_SUBMIT_ARGS: submitArgs },
    };
  }
  const command = sparkSubmit ?? findSparkSubmit(env);
  if (command === null)
    throw new ServiceError({
      code: 'EVL_CLI_SPARK_MISSING',
      kind: 'terminal',
      message: `no spark-submit in SPARK_HOME or on PATH. Name one with --spark-submit, or a Python that has PySpark with --python. The job lies in ${dirname(job.job)}: spark-submit ${job.program} ${job.job}`,
    });
  return { command, args: [...flags, job.program, job.job], env };
}

function findSparkSubmit(env: Environment): string | null {
  const home = env['SPARK_HOME'];
  const folders = [...(home === undefined ? [] : [join(home, 'bin')]), ...(env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'spark-submit')).find((path) => existsSync(path)) ?? null;
}

/**
 * Submits a job, and waits until what submits it has ended. EVL_CLI_SPARK_FAILED with the end of Spark's log when that fails, or, unless a cluster
 * goes on without it (`wait` false), leaves no whole answer; Ctrl-C goes to Spark as well.
 */
export async function runSpark(job: SparkJob, options: SparkOptions): Promise<void> {
  const { command, args, env } = sparkCommand(job, options);
  const child = spawn(command, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      options.log(line);
      last.push(line);
      if (last.length > linesKept) last.shift();
    });
  }
  const ended = await new Promise<string | null>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (code, signal) => done(code === 0 ? null : `it ended with ${signal ?? code ?? 'nothing'}`));
  });
  if (ended !== null || (options.wait && !existsSync(join(job.answer, '_SUCCESS'))))
    throw new ServiceError({
      code: 'EVL_CLI_SPARK_FAILED',
      kind: 'terminal',
      message: `Spark did not finish the job in ${dirname(job.job)} (${ended ?? 'its answer is not whole; where a cluster goes on with it, say --no-wait'}):\n${last.join('\n')}`,
    });
}
