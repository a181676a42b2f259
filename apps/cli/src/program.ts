import { Command } from 'commander';
import { addApplyCommand } from './apply-command.ts';
import type { Commands } from './commands.ts';
import { addContractsCommands } from './contracts/command.ts';
import { addOdcsCommands } from './contracts/odcs-command.ts';
import { addDatasetCommands } from './dataset/command.ts';
import { addDecisionCommands } from './decision/command.ts';
import { addDriftCommands } from './drift/command.ts';
import { exitCodes } from './errors.ts';
import { addFeaturesCommands } from './features/command.ts';
import { getResources, getVersions, readKind } from './get.ts';
import { getHistory } from './history.ts';
import { addHoldCommands } from './hold/command.ts';
import { addMonitorCommands } from './monitor/command.ts';
import { addresses, numberBetween, readDay, readPort, readSpeed } from './options.ts';
import { addPredictCommand } from './predict/command.ts';
import { addQuarantineCommands } from './quarantine/command.ts';
import type { ReportOptions } from './report/run-report.ts';
import type { LedgerReport } from './report/types.ts';
import { table } from './table.ts';
import type { UpOptions } from './up/index.ts';
import { addWhyCommand } from './why/command.ts';

/** What the command line works with. */
export interface ProgramContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output, one newline after the text. */
  readonly print: (text: string) => void;
  readonly commands: Commands;
}

interface AddressOptions {
  readonly brokers?: string;
  readonly registry?: string;
  readonly features?: string;
}

interface UpCommandOptions extends Omit<UpOptions, 'speed' | 'replayArgs'> {
  readonly speed: number | 'max';
}

interface LogOptions extends AddressOptions {
  readonly json: boolean;
  readonly counts?: string;
}

/** The command line. A command's exit code is its option value `exitCode`. */
export function createProgram(context: ProgramContext): Command {
  const program = new Command('everloop')
    .description('Keeps machine-learning models good after they ship.')
    .showHelpAfterError('(everloop <command> --help says more)')
    .exitOverride();
  addUp(program, context);
  addApplyCommand(program, context);
  addGet(program, context);
  addReports(program, context);
  addHoldCommands(program, context);
  addDatasetCommands(program, context);
  addDecisionCommands(program, context);
  addDriftCommands(program, context);
  addFeaturesCommands(program, context);
  addMonitorCommands(program, context);
  addPredictCommand(program, context);
  addQuarantineCommands(program, context);
  addWhyCommand(program, context);
  addContractsCommands(program, context);
  addOdcsCommands(program, context);
  return program;
}

function addUp(program: Command, { commands }: ProgramContext): void {
  program
    .command('up')
    .description('start broker, Redis and all services on this machine, apply the example and replay it')
    .option('--until <day>', 'last event day to replay, such as 2013-04-30 (UTC)', readDay)
    .option('--exit', 'stop everything when the replay is over', false)
    .option('--report <file>', 'write the report as JSON')
    .option('--speed <factor>', 'event time runs so many times as fast as the wall clock, or max', readSpeed, 'max')
    .option('--step-hours <hours>', 'event time of one step', numberBetween(0.25, 12, 'A number of hours'))
    .option(
      '--ports-from <port>',
      'use ports from this one on instead of the default ones; 0 takes any free ones',
      readPort,
    )
    .option('--example <folder>', 'the example to run')
    .option(
      '--data-dir <folder>',
      'where everything of this run is kept; by default a new folder that is deleted at the end',
    )
    .option('--keep-data', 'keep the default data folder')
    .argument('[replayArgs...]', 'passed on to the replay, after --')
    .action(async (replayArgs: readonly string[], options: UpCommandOptions, command: Command) => {
      const { speed, ...rest } = options;
      const asked: UpOptions = {
        ...rest,
        ...(speed === 'max' ? {} : { speed }),
        ...(replayArgs.length === 0 ? {} : { replayArgs }),
      };
      finish(command, await commands.up(asked));
    });
}

function addGet(program: Command, { env, print }: ProgramContext): void {
  registryOption(program.command('get'))
    .description('show applied resources')
    .argument('<kind>', 'Source, FeatureView, Model, Monitor, Rollout or Trigger')
    .argument('[name]', 'show the spec of this one')
    .option('--history', 'show its revisions and what changed from one to the next', false)
    .action(async (kind: string, name: string | undefined, options: AddressOptions & { readonly history: boolean }) => {
      const { registryAddress } = addresses(env, options);
      if (!options.history) print(await getResources(readKind(kind), name, registryAddress));
      else print(await getHistory(readKind(kind), name, registryAddress));
    });
  registryOption(program.command('versions'))
    .description('show the versions of a model')
    .argument('<model>', 'name of the Model')
    .action(async (model: string, options: AddressOptions) => {
      print(await getVersions(model, addresses(env, options).registryAddress));
    });
}

function addReports(program: Command, { env, print, commands }: ProgramContext): void {
  reportOptions(program.command('report'))
    .description('what happened, by month of event time')
    .action(async (options: LogOptions) => {
      const { report, text } = await commands.report(addressed(env, options));
      print(options.json ? JSON.stringify(report, null, 2) : text);
    });
  reportOptions(program.command('ledger'))
    .description('whether every record and every prediction is accounted for; exit code 1 when not')
    .action(async (options: LogOptions, command: Command) => {
      const { ledger } = (await commands.report(addressed(env, options))).report;
      print(options.json ? JSON.stringify(ledger, null, 2) : ledgerText(ledger));
      finish(command, ledger.balanced ? exitCodes.done : exitCodes.failed);
    });
}

function addressed(env: ProgramContext['env'], options: LogOptions): ReportOptions {
  return { ...addresses(env, options), ...(options.counts === undefined ? {} : { replayCounts: options.counts }) };
}

function ledgerText(ledger: LedgerReport): string {
  const rows = ledger.checks.map(({ ok, name, detail }) => [ok ? 'ok' : 'NOT OK', name, detail]);
  return `${table(['', 'RULE', 'NUMBERS'], rows)}\n${ledger.balanced ? 'the ledger balances' : 'the ledger does NOT balance; while data still flows, what is on its way counts as missing: ask again when the loop is at rest'}`;
}

function reportOptions(command: Command): Command {
  return registryOption(command)
    .option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)')
    .option('--features <address>', 'feature store, host:port (EVL_FEATURES_ADDRESS)')
    .option('--counts <file>', 'what the replayer counted, to compare with what is in Kafka')
    .option('--json', 'print JSON', false);
}

function registryOption(command: Command): Command {
  return command.option('--registry <address>', 'registry, host:port (EVL_REGISTRY_ADDRESS)');
}

function finish(command: Command, exitCode: number): void {
  command.setOptionValue('exitCode', exitCode);
}
