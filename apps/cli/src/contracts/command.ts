import { writeFile } from 'node:fs/promises';
import type { SourceFormat } from '@everloop/contracts';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { addresses, numberBetween } from '../options.ts';
import { withBus } from '../with-bus.ts';
import { inferContract } from './infer/index.ts';

/** What the commands work with. */
export interface ContractsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface InferOptions {
  readonly brokers?: string;
  readonly records: number;
  readonly from: 'beginning' | 'end';
  readonly margin: number | null;
  readonly format?: SourceFormat;
  readonly schemaRegistry?: string;
  readonly name?: string;
  readonly key?: string;
  readonly eventTime?: string;
  readonly out?: string;
}

/** `everloop infer-contract`. */
export function addContractsCommands(program: Command, { env, print }: ContractsContext): void {
  program
    .command('infer-contract')
    .description('draw a first Source from what is in a topic')
    .argument('<topic>', 'Kafka topic')
    .option(
      '--records <n>',
      'most records to read, over all partitions',
      numberBetween(1, 10_000_000, 'A number'),
      10_000,
    )
    .addOption(
      new Option('--from <end>', 'read the oldest or the newest records').choices(['beginning', 'end']).default('end'),
    )
    .option('--margin <share>', 'how much further than what was seen ranges reach, or none', readMargin, 0.1)
    .addOption(
      new Option('--format <format>', 'how values are encoded; found out by default').choices([
        'json',
        'avro',
        'json-schema',
        'protobuf',
      ]),
    )
    .option('--schema-registry <url>', 'registry with the schemas (EVL_SCHEMA_REGISTRY_URL)')
    .option('--name <name>', 'name of the Source; by default after the topic')
    .option('--key <field>', 'field that is the Kafka key, instead of what is found')
    .option('--event-time <field>', 'field with the event time, instead of what is found')
    .option('--out <file>', 'write the resource to a file instead')
    .option('--brokers <list>', 'Kafka, host:port[,host:port] (KAFKA_BROKERS)')
    .action(async (topic: string, options: InferOptions) => {
      const { out, ...request } = options;
      const text = await withBus(addresses(env, options).brokers, (bus) =>
        inferContract(bus, { ...request, topic, env }),
      );
      if (out === undefined) print(text.trimEnd());
      else {
        await writeFile(out, text);
        print(`written to ${out}; check it, then: everloop apply ${out}`);
      }
    });
}

function readMargin(text: string): number | null {
  if (text === 'none') return null;
  const share = text.trim() === '' ? NaN : Number(text);
  if (!(share >= 0 && share <= 10)) throw new InvalidArgumentError('none, or a share from 0 to 10, is wanted.');
  return share;
}
