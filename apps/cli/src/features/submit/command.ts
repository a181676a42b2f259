import { loadResources, parseResource, type TypedResource } from '@everloop/contracts';
import { openDuckDb } from '@everloop/storage';
import { Option, type Command } from 'commander';
import { badInput } from '../../errors.ts';
import { addresses } from '../../options.ts';
import { withRegistry } from '../../registry-client.ts';
import { finishJob, type FinishedJob } from './finish-job.ts';
import { runSpark } from './run-spark.ts';
import { writeSparkJob, type Asked } from './spark-job.ts';

/** What the command works with. */
interface SubmitContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface SubmitOptions {
  readonly job: string;
  readonly dataDir: string;
  readonly rows?: string;
  readonly time: string;
  readonly view?: string;
  readonly from?: string;
  readonly until?: string;
  readonly resources?: string;
  readonly registry?: string;
  readonly latest: boolean;
  readonly sparkSubmit?: string;
  readonly python?: string;
  readonly master?: string;
  readonly conf: readonly string[];
  readonly wait: boolean;
  readonly dryRun: boolean;
}

/** `everloop features submit`. */
export function addSubmitCommand(group: Command, { env, print }: SubmitContext): void {
  group
    .command('submit')
    .description(
      'compute features by a Spark job over the Parquet files of the history: for rows of a file, or a backfill of a view',
    )
    .argument('[model]', 'Model whose inputs are computed for the rows of --rows')
    .addOption(new Option('--engine <engine>', 'what computes').choices(['spark']).default('spark'))
    .requiredOption('--job <folder>', 'new folder for the job and its answer; every worker of the cluster must see it')
    .requiredOption('--data-dir <folder>', 'EVL_DATA_DIR of the feature store; every worker must see it')
    .option('--rows <file>', 'Parquet or CSV: request fields of the Model, and the time as of which they are asked')
    .option('--time <column>', 'column with that time, a timestamp or epoch milliseconds', 'time')
    .option('--view <view>', 'FeatureView to backfill, instead of a Model: every entity at every hop')
    .option('--from <time>', 'first moment of a backfill, such as 2013-01-01 or 2013-01-01T06:00Z')
    .option('--until <time>', 'moments before this one')
    .option('--resources <folder>', 'read the definitions from a folder of resources instead of the registry')
    .option('--latest', 'by what is known today, instead of what was known then', false)
    .option('--spark-submit <path>', 'spark-submit to use; by default that of SPARK_HOME or PATH')
    .option('--python <path>', 'a Python that has PySpark, instead of spark-submit')
    .option('--master <url>', 'Spark master, such as local[*] or spark://host:7077')
    .option(
      '--conf <key=value>',
      'setting of Spark; may be repeated',
      (pair: string, all: string[]) => [...all, pair],
      [],
    )
    .option(
      '--no-wait',
      'leave the job to a cluster that goes on with it, and finish it later: everloop features finish',
    )
    .option('--dry-run', 'write the job and do not submit it', false)
    .option('--registry <address>', 'registry, host:port (EVL_REGISTRY_ADDRESS)')
    .action(async (model: string | undefined, options: SubmitOptions) => {
      const asked = askedOf(model, options);
      const resources = await definitions(options, () => addresses(env, options).registryAddress);
      const duck = await openDuckDb({ memoryLimitMib: 512 });
      try {
        const known = options.latest ? 'latest' : 'bitemporal';
        const { dataDir, job: folder } = options;
        const job = await writeSparkJob({ asked, resources, dataDir, folder, known, duck });
        const rows = job.rows === null ? 'a backfill' : `${job.rows.toLocaleString('en')} rows`;
        print(`job for ${rows} written to ${folder}: spark-submit ${job.program} ${job.job}`);
        const rest = job.isFinished
          ? `its answer will be in ${job.answer}; everloop features finish ${folder} tells whether it is whole`
          : `when it has ended, lists and what is computed on demand are left to do: everloop features finish ${folder}`;
        if (options.dryRun) {
          print(rest);
          return;
        }
        await runSpark(job, { env, ...options, log: print });
        if (options.wait) print(finishedText(await finishJob(folder, duck)));
        else print(`Spark has the job; ${rest}`);
      } finally {
        duck.close();
      }
    });
}

/** `everloop features finish`. */
export function addFinishCommand(group: Command, { print }: SubmitContext): void {
  group
    .command('finish')
    .description(
      'finish what a Spark job of `features submit` wrote: lists as text, and features that are computed on demand; goes on where it was cut short',
    )
    .argument('<job>', 'folder of the job, with what Spark wrote')
    .action(async (folder: string) => {
      const duck = await openDuckDb({ memoryLimitMib: 512 });
      try {
        print(finishedText(await finishJob(folder, duck)));
      } finally {
        duck.close();
      }
    });
}

function finishedText({ rows, output }: FinishedJob): string {
  return `${rows.toLocaleString('en')} rows in ${output}`;
}

function askedOf(model: string | undefined, { rows, time, view, from, until }: SubmitOptions): Asked {
  if (model !== undefined && view === undefined) {
    if (rows === undefined)
      throw badInput(`which rows? Name a Parquet or CSV file with the request fields of ${model} by --rows`);
    return { kind: 'rows', model, file: rows, time };
  }
  if (model !== undefined || view === undefined)
    throw badInput('name either a Model (with --rows) or a --view (with --from and --until)');
  const [fromMs, untilMs] = [momentOf(from, '--from'), momentOf(until, '--until')];
  return { kind: 'backfill', view, fromMs, untilMs };
}

function momentOf(text: string | undefined, option: string): number {
  const ms = Date.parse(text ?? '');
  if (Number.isNaN(ms))
    throw badInput(
      `${option} is ${text === undefined ? 'missing' : `"${text}"`}; a time such as 2013-01-01 or 2013-01-01T06:00Z is wanted`,
    );
  return ms;
}

async function definitions(options: SubmitOptions, registryAddress: () => string): Promise<readonly TypedResource[]> {
  if (options.resources !== undefined) return (await loadResources(options.resources)).resources;
  const { resources } = await withRegistry(registryAddress(), (client) => client.listResources({ kind: '' }));
  return resources.map(parseResource);
}
