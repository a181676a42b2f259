import type { Command } from 'commander';
import { addresses } from '../options.ts';
import { listHolds, releaseHold, showHold, type HoldLog, type ListOptions } from './holds.ts';

/** What the commands work with. */
export interface HoldContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface BrokerOptions {
  readonly brokers?: string;
}
interface ReleaseCommandOptions extends BrokerOptions {
  readonly accept: boolean;
  readonly reason: string;
  readonly by?: string;
}

/** `everloop hold list|show|release`. */
export function addHoldCommands(program: Command, { env, print }: HoldContext): void {
  const withLog = async (options: BrokerOptions, work: (log: HoldLog) => Promise<string>): Promise<void> => {
    const [{ withBus }, { holdLog }] = await Promise.all([import('../with-bus.ts'), import('./kafka-hold-log.ts')]);
    print(await withBus(addresses(env, options).brokers, (bus) => work(holdLog(bus))));
  };
  const group = program.command('hold').description('data that does not train because its windows broke a rule');
  brokersOption(group.command('list'))
    .description('show the open holds')
    .option('--all', 'ended ones too', false)
    .option('--source <name>', 'only those of this Source')
    .action((options: BrokerOptions & ListOptions) => withLog(options, (log) => listHolds(log, options)));
  brokersOption(group.command('show'))
    .description('show a hold and what its rules measured')
    .argument('<id>', 'id of the hold, or its beginning')
    .action((id: string, options: BrokerOptions) => withLog(options, (log) => showHold(log, id)));
  brokersOption(group.command('release'))
    .description('end a hold; its data still does not train unless it is accepted')
    .argument('<id>', 'id of the hold, or its beginning')
    .requiredOption('--reason <text>', 'why; it stays in the log')
    .option('--accept', 'the data is fine after all: it trains', false)
    .option('--by <name>', 'who says so; by default the user of this terminal')
    .action((id: string, options: ReleaseCommandOptions) => {
      const by = options.by ?? env['USER'] ?? '';
      return withLog(options, (log) => releaseHold(log, id, { accept: options.accept, reason: options.reason, by }));
    });
}

function brokersOption(command: Command): Command {
  return command.option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)');
}
