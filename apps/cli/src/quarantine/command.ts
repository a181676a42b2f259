import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { badInput } from '../errors.ts';
import { addresses, numberBetween } from '../options.ts';
import { readEditedLine, type EditedLine } from './export-line.ts';
import { listAll, listSource } from './list.ts';
import { findSource } from './log.ts';
import { readPatch } from './replay-plan.ts';
import { replay } from './replay.ts';
import { readPlace, readSince, type Selection } from './select.ts';
import { showRecord } from './show.ts';
import { withBus } from '../with-bus.ts';

/** What the commands work with. */
export interface QuarantineContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface BrokerOptions {
  readonly brokers?: string;
}
interface SelectOptions extends BrokerOptions {
  readonly rule?: string;
  readonly column?: string;
  readonly since?: number;
}
interface ListCommandOptions extends SelectOptions {
  readonly limit: number;
  readonly export?: string;
}
interface ReplayCommandOptions extends SelectOptions {
  readonly patch?: string;
  readonly fromFile?: string;
  readonly place?: { readonly partition: number; readonly offset: bigint };
  readonly dryRun: boolean;
  readonly force: boolean;
}

/** Longest file of edited records, bytes: it is held in memory. */
const fileBytesMax = 256 * 1_048_576;

/** `everloop quarantine list|show|replay`. */
export function addQuarantineCommands(program: Command, { env, print }: QuarantineContext): void {
  const group = program.command('quarantine').description('records that broke the contract of their Source');
  selectOptions(group.command('list'))
    .description('what is in quarantine and why; all Sources, or one in detail')
    .argument('[source]', 'name or topic of a Source')
    .option('--limit <n>', 'newest records to show', numberBetween(0, 1_000, 'A number'), 20)
    .option('--export <file>', 'write the selected records as JSON lines, to be edited and replayed')
    .action(async (source: string | undefined, options: ListCommandOptions) => {
      if (source === undefined && options.export !== undefined) throw badInput('--export needs the name of a Source');
      const listed = {
        ...selection(options),
        limit: options.limit,
        ...(options.export === undefined ? {} : { export: options.export }),
      };
      print(
        await withBus(addresses(env, options).brokers, (bus) =>
          source === undefined ? listAll(bus, listed) : listSource(bus, source, listed),
        ),
      );
    });
  brokersOption(group.command('show'))
    .description('one record: its reasons, headers and bytes')
    .argument('<source>', 'name or topic of its Source')
    .argument('<place>', 'partition/offset in the quarantine, as list shows it', readPlace)
    .option('--full', 'all of the value', false)
    .action(
      async (
        source: string,
        place: ReturnType<typeof readPlace>,
        options: BrokerOptions & { readonly full: boolean },
      ) => {
        print(
          await withBus(addresses(env, options).brokers, (bus) =>
            showRecord(bus, { source, place, full: options.full, env }),
          ),
        );
      },
    );
  selectOptions(group.command('replay'))
    .description('send records back to their Source, each once: as they are when the contract has changed, or repaired')
    .argument('<source>', 'name or topic of a Source')
    .option('--place <place>', 'only this record, partition/offset', readPlace)
    .option('--patch <json>', 'JSON merge patch (RFC 7396) for every selected record')
    .option('--from-file <file>', 'send the records of an edited export instead')
    .option('--dry-run', 'only say what would be sent and what would pass', false)
    .option('--force', 'send records too that the contract of now would quarantine again', false)
    .action(async (name: string, options: ReplayCommandOptions) => {
      if (options.patch !== undefined && options.fromFile !== undefined)
        throw badInput('give --patch or --from-file, not both');
      const { place, patch, fromFile, dryRun, force } = options;
      const work = async (bus: Parameters<typeof replay>[0]): Promise<string> =>
        await replay(bus, {
          ...selection(options),
          ...(place === undefined ? {} : { places: new Set([`${place.partition}/${place.offset}`]) }),
          ...(patch === undefined ? {} : { patch: readPatch(patch) }),
          ...(fromFile === undefined
            ? {}
            : { edited: await readEdited(fromFile, (await findSource(bus, name)).topic) }),
          ...{ source: name, dryRun, force, env },
        });
      print(await withBus(addresses(env, options).brokers, work));
    });
}

async function readEdited(path: string, topic: string): Promise<ReadonlyMap<string, EditedLine>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw badInput(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text.length > fileBytesMax) throw badInput(`${path} is longer than ${fileBytesMax} bytes; split it`);
  const lines = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [readEditedLine(line, i + 1, topic)]));
  return new Map(lines.map((line) => [line.place, line]));
}

function selection({ rule, column, since }: SelectOptions): Selection {
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(column === undefined ? {} : { path: column }),
    ...(since === undefined ? {} : { sinceMs: since }),
  };
}

function selectOptions(command: Command): Command {
  return brokersOption(command)
    .option('--rule <rule>', 'only records with a reason of this rule')
    .option('--column <path>', 'only records with a reason about this column')
    .option(
      '--since <time>',
      'only records written since, such as 24h or 2013-04-30',
      readSince(() => Date.now()),
    );
}

function brokersOption(command: Command): Command {
  return command.option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)');
}
