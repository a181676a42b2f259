import type { Command } from 'commander';
import { badInput, exitCodes } from '../errors.ts';
import { addresses, numberBetween } from '../options.ts';
import { readSince } from '../quarantine/select.ts';
import { withBus } from '../with-bus.ts';
import { evaluateModel, evaluationText, type Evaluation } from './evaluate.ts';
import { replayDecision, replaySample } from './replay.ts';
import { decisionText } from './show-text.ts';
import { findDecision } from './show.ts';

/** What the commands work with. */
export interface DecisionContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface BrokerOptions {
  readonly brokers?: string;
  readonly json: boolean;
}
interface ReplayCommandOptions extends Omit<BrokerOptions, 'json'> {
  readonly model?: string;
  readonly sample: number;
}
interface EvaluateCommandOptions extends BrokerOptions {
  readonly champion?: string;
  readonly gate?: string;
  readonly since?: number;
  readonly clip: number;
  readonly margin: number;
  readonly confidence: number;
  readonly resamples: number;
  readonly seed: number;
  readonly decisionsMax: number;
}

/** `everloop decision show|replay|evaluate`. */
export function addDecisionCommands(program: Command, context: DecisionContext): void {
  const group = program
    .command('decision')
    .description('how requests were answered, and what other answers would have earned');
  addShow(group, context);
  addReplay(group, context);
  addEvaluate(group, context);
}

function addShow(group: Command, { env, print }: DecisionContext): void {
  brokersOption(group.command('show'))
    .description('one decision: how it came about, what the model saw, what became of it')
    .argument('<id>', 'decision id, as the answer had it')
    .option('--json', 'print JSON', false)
    .action(async (id: string, options: BrokerOptions) => {
      const shown = await withBus(addresses(env, options).brokers, (bus) => findDecision(bus, id));
      print(options.json ? JSON.stringify(shown, null, 2) : decisionText(shown));
    });
}

function addReplay(group: Command, { env, print }: DecisionContext): void {
  brokersOption(group.command('replay'))
    .description('draw logged decisions again from their probabilities and seeds; exit code 1 where one differs')
    .argument('[id]', 'decision id')
    .option('--model <model>', 'a sample of the decisions of this model instead')
    .option('--sample <n>', 'how many', numberBetween(1, 100_000, 'A number'), 1_000)
    .action(async (id: string | undefined, options: ReplayCommandOptions, command: Command) => {
      const { model, sample } = options;
      if ((id === undefined) === (model === undefined))
        throw badInput('give the id of a decision or --model, one of both');
      const { text, exitCode } = await withBus(addresses(env, options).brokers, (bus) =>
        model === undefined ? replayDecision(bus, id ?? '') : replaySample(bus, model, sample),
      );
      print(text);
      command.setOptionValue('exitCode', exitCode);
    });
}

function addEvaluate(group: Command, { env, print }: DecisionContext): void {
  brokersOption(group.command('evaluate'))
    .description('what the model would have earned had one version always answered: IPS, SNIPS and DR from the logs')
    .argument('<model>', 'name of the Model')
    .option('--champion <version>', 'compare with this version; by default the champion of the newest decision')
    .option('--gate <arm>', 'exit code 1 unless this version (or action) passes')
    .option(
      '--since <time>',
      'only decisions since, such as 24h or 2013-04-30',
      readSince(() => Date.now()),
    ) // prettier-ignore
    .option('--clip <weight>', 'largest importance weight', numberBetween(1, 1e9, 'A number'), 20)
    .option('--margin <reward>', 'how much worse than the champion may pass', numberBetween(0, 1e9, 'A number'), 0.01)
    .option('--confidence <p>', 'of the intervals', numberBetween(0.5, 0.9999, 'A number'), 0.95)
    .option('--resamples <n>', 'of the bootstrap', numberBetween(100, 100_000, 'A number'), 1_000)
    .option('--seed <n>', 'of the bootstrap', numberBetween(0, 4_294_967_295, 'A number'), 1)
    .option('--decisions-max <n>', 'most decisions held in memory', numberBetween(1, 50_000_000, 'A number'), 1_000_000)
    .option('--json', 'print JSON', false)
    .action(async (model: string, options: EvaluateCommandOptions, command: Command) => {
      const { since, champion, gate, ...rest } = options;
      const asked = {
        ...rest,
        ...(champion === undefined ? {} : { champion }),
        ...(since === undefined ? {} : { sinceMs: since }),
      };
      const evaluation = await withBus(addresses(env, options).brokers, (bus) => evaluateModel(bus, model, asked));
      print(options.json ? JSON.stringify(evaluation, null, 2) : evaluationText(evaluation));
      if (gate !== undefined) command.setOptionValue('exitCode', gateCode(evaluation, gate));
    });
}

/** Exit code 0 where the arm passes. Throws EVL_CLI_INPUT_INVALID for one that the log does not have. */
export function gateCode({ versions, actions, model }: Evaluation, arm: string): number {
  const found = [...versions, ...actions].find((one) => one.arm === arm);
  if (found === undefined) throw badInput(`no drawn and rewarded decision of "${model}" was made by "${arm}"`);
  return found.gate === null || found.gate.verdict === 'pass' ? exitCodes.done : exitCodes.failed;
}

function brokersOption(command: Command): Command {
  return command.option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)');
}
