import { features, type DatasetDiff } from '@everloop/contracts';
import { InvalidArgumentError, type Command } from 'commander';
import { exitCodes } from '../errors.ts';
import { withFeatureStore, type FeatureStoreClient } from '../feature-store-client.ts';
import { addresses, numberBetween } from '../options.ts';
import { checkoutDataset, checkoutVault } from './checkout.ts';
import { checksText, datasetTable, datasetText, diffText, moveText } from './format.ts';

/** What the commands work with. */
export interface DatasetContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface SharedOptions {
  readonly features?: string;
  readonly json: boolean;
}

/** `everloop dataset create|list|show|diff|tag|checkout|verify`. */
export function addDatasetCommands(program: Command, context: DatasetContext): void {
  const group = program
    .command('dataset')
    .description('frozen training sets: what they hold, what they are made of, what changed');
  addReading(group, context);
  addChanging(group, context);
}

const refHelp = 'id of a dataset, four or more of its first digits, or a tag';

function addReading(group: Command, context: DatasetContext): void {
  const { print } = context;
  shared(group.command('list'))
    .description('show the datasets, newest first')
    .option('--model <name>', 'only those of this Model', '')
    .option('--limit <n>', 'most lines', numberBetween(1, 1_000, 'A number'), 100)
    .action((options: SharedOptions & { readonly model: string; readonly limit: number }) =>
      within(context, options, async ({ datasets }) => {
        const answer = await datasets.listDatasets({ model: options.model, limit: options.limit });
        print(options.json ? json(answer.datasets) : datasetTable(answer.datasets));
      }),
    );
  shared(group.command('show'))
    .description('show what a dataset holds, what it is made of, and what its checks found')
    .argument('<ref>', refHelp)
    .action((ref: string, options: SharedOptions) =>
      within(context, options, async ({ datasets }) => {
        const answer = await datasets.getDataset({ ref });
        const { manifestJson, ...rest } = answer;
        print(options.json ? json({ ...rest, manifest: JSON.parse(manifestJson) as object }) : datasetText(answer));
      }),
    );
  shared(group.command('diff'))
    .description('show what differs between two datasets: rows, columns, distributions, definitions, records')
    .argument('<from>', refHelp)
    .argument('<to>', 'the same')
    .option('--examples <n>', 'rows of each kind that are shown', numberBetween(1, 100, 'A number'), 5)
    .action((fromRef: string, toRef: string, options: SharedOptions & { readonly examples: number }) =>
      within(context, options, async ({ datasets }) => {
        const { diffJson } = await datasets.diffDatasets({ fromRef, toRef, examples: options.examples });
        print(options.json ? json(JSON.parse(diffJson) as object) : diffText(JSON.parse(diffJson) as DatasetDiff));
      }),
    );
  shared(group.command('verify'))
    .description(
      'make the rows again from the recorded definitions and offsets, and compare; exit code 1 when they differ',
    )
    .argument('<ref>', refHelp)
    .action((ref: string, options: SharedOptions, command: Command) =>
      within(context, options, async ({ datasets }) => {
        const answer = await datasets.verifyDataset({ ref });
        const text = answer.equal
          ? `equal: ${answer.actualRows} rows made again have the hash ${answer.actualHash}`
          : ['NOT equal:', ...answer.differences.map((line) => `  ${line}`)].join('\n');
        print(options.json ? json(answer) : text);
        command.setOptionValue('exitCode', answer.equal ? exitCodes.done : exitCodes.failed);
      }),
    );
  shared(group.command('checkout'))
    .description(
      'write a dataset, or one part of it, as a Parquet file; the fixed holdout only with the key of the evaluator',
    )
    .argument('<ref>', refHelp)
    .argument('<file>', 'the Parquet file to write; it must not exist')
    .option('--split <part>', 'train, validation or test (with the time holdout); without it all but the vault', '')
    .option('--vault-key <file>', 'write the fixed holdout instead, which only this key opens; it is recorded')
    .option('--purpose <text>', 'why the vault is opened')
    .action((ref: string, file: string, options: CheckoutOptions) =>
      within(context, options, async ({ datasets }) => {
        const written =
          options.vaultKey === undefined
            ? await checkoutDataset(datasets, { ref, split: options.split }, file)
            : await checkoutVault(datasets, { ref, keyPath: options.vaultKey, purpose: options.purpose ?? '' }, file);
        print(options.json ? json(written) : `${written.file}: ${written.bytes.toLocaleString('en-US')} bytes`);
      }),
    );
}

interface CheckoutOptions extends SharedOptions {
  readonly split: string;
  readonly vaultKey?: string;
  readonly purpose?: string;
}

interface CreateOptions extends SharedOptions {
  readonly from: number;
  readonly until: number;
  readonly asOf?: number;
  readonly latest: boolean;
  readonly reason: string;
}

function addChanging(group: Command, context: DatasetContext): void {
  const { env, print } = context;
  shared(group.command('create'))
    .description('freeze the labelled rows of a Model')
    .argument('<model>', 'name of the Model')
    .requiredOption('--from <time>', 'first prediction time, such as 2013-01-01 or 2013-01-01T06:00Z', readTime)
    .requiredOption('--until <time>', 'prediction times before this one', readTime)
    .option('--as-of <time>', 'what was known at this time counts; by default --until', readTime)
    .option('--latest', 'by what is known today, instead of what was known then', false)
    .option('--reason <text>', 'why; it stays in the catalog', '')
    .action((model: string, options: CreateOptions) =>
      within(context, options, async (client) => {
        const answer = await client.features.createDataset(
          features.CreateDatasetRequest.fromPartial({
            ...{ model, fromMs: options.from, untilMs: options.until, asOfMs: options.asOf ?? options.until },
            known: options.latest ? features.KnownPolicy.LATEST : features.KnownPolicy.BITEMPORAL,
            ...{ createdBy: env['USER'] ?? '', reason: options.reason },
          }),
        );
        const { dataset, checks } = answer;
        const head = `${dataset?.snapshotId ?? ''}: ${(dataset?.rows ?? 0).toLocaleString('en-US')} rows, content hash ${dataset?.contentHash ?? ''}`;
        print(
          options.json
            ? json({ dataset, checks })
            : `${head}\n${checksText(checks as Parameters<typeof checksText>[0])}`,
        );
      }),
    );
  shared(group.command('tag'))
    .description('give a dataset a name that can be moved; its history is kept')
    .argument('<tag>', 'letters, digits and . _ / - after a letter')
    .argument('[ref]', refHelp)
    .option('--remove', 'remove the tag', false)
    .option('--reason <text>', 'why; it stays in the history', '')
    .action((tag: string, ref: string | undefined, options: TagOptions) =>
      within(context, options, async ({ datasets }) => {
        if ((ref === undefined) !== options.remove) throw new InvalidArgumentError('Give a dataset, or --remove.');
        const answer = await datasets.tagDataset({
          tag,
          ref: ref ?? '',
          by: env['USER'] ?? '',
          reason: options.reason,
        });
        if (answer.move !== undefined) print(options.json ? json(answer.move) : moveText(answer.move));
      }),
    );
}

interface TagOptions extends SharedOptions {
  readonly remove: boolean;
  readonly reason: string;
}

function within(
  context: DatasetContext,
  options: SharedOptions,
  work: (client: FeatureStoreClient) => Promise<void>,
): Promise<void> {
  return withFeatureStore(addresses(context.env, options).featuresAddress, work);
}

function shared(command: Command): Command {
  return command
    .option('--features <address>', 'feature store, host:port (EVL_FEATURES_ADDRESS)')
    .option('--json', 'print JSON', false);
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** A moment as ISO 8601, UTC where it does not say. */
function readTime(text: string): number {
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text);
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(hasZone ? text : `${text}Z`) : NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('A time such as 2013-01-01 or 2013-01-01T06:00Z is wanted.');
  return ms;
}
