import type { Command } from 'commander';
import { addresses, numberBetween } from '../options.ts';
import { withBus } from '../with-bus.ts';
import { whyJson } from './json.ts';
import { readSince, readUntil, type Since } from './period.ts';
import { readWhy } from './read.ts';
import { whyText } from './text.ts';

/** What the command works with. */
export interface WhyContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface WhyOptions {
  readonly monitor?: string;
  readonly since?: Since;
  readonly until?: number;
  readonly limit: number;
  readonly wanted: boolean;
  readonly full: boolean;
  readonly json: boolean;
  readonly brokers?: string;
}

/** `everloop why`. */
export function addWhyCommand(program: Command, { env, print }: WhyContext): void {
  program
    .command('why')
    .description('why a model was retrained, or was not: every decision with its evidence and what came of it')
    .argument('<model>', 'name of the Model')
    .option(
      '--since <time>',
      'from this event time on, such as 2013-04-30, or 30d before the newest decision',
      readSince,
    )
    .option('--until <time>', 'until this event time; of a day all hours', readUntil)
    .option('--monitor <name>', 'decisions of this Monitor only')
    .option('--wanted', 'only what wanted a retraining: asked for, deferred or suppressed', false)
    .option('--limit <n>', 'the newest so many', numberBetween(1, 10_000, 'A number'), 10)
    .option('--full', 'all numbers also of decisions to do nothing', false)
    .option('--json', 'print JSON', false)
    .option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)')
    .action(async (model: string, { since, until, monitor, limit, wanted, full, json, ...options }: WhyOptions) => {
      const question = {
        ...{ model, limit, isWantedOnly: wanted },
        ...(monitor === undefined ? {} : { monitor }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { untilMs: until }),
      };
      const why = await withBus(addresses(env, options).brokers, (bus) => readWhy(bus, question));
      print(json ? JSON.stringify(whyJson(why), null, 2) : whyText(why, { full }));
    });
}
