import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { badInput } from '../errors.ts';
import { addresses } from '../options.ts';
import { withBus } from '../with-bus.ts';
import { driftPicture } from './picture.ts';
import { readStory } from './read-story.ts';

/** What the commands work with. */
export interface DriftContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface PlotOptions {
  readonly brokers?: string;
  readonly monitor?: string;
  readonly out: string;
}

/** `everloop drift plot`. */
export function addDriftCommands(program: Command, { env, print }: DriftContext): void {
  const group = program.command('drift').description('how far what a model sees is from what it was trained on');
  group
    .command('plot')
    .description('draw every judged window, field by field, with what was decided and the AUC that was served above it')
    .argument('<model>', 'name of the Model')
    .requiredOption('--out <file.svg>', 'where the picture goes')
    .option('--monitor <name>', 'of this Monitor; by default the one with the most windows')
    .option('--brokers <list>', 'Kafka, host:port, comma-separated')
    .action(async (model: string, options: PlotOptions) => {
      const story = await withBus(addresses(env, options).brokers, (bus) => readStory(bus, model, options.monitor));
      if (story === null) {
        const of = options.monitor === undefined ? '' : ` by Monitor "${options.monitor}"`;
        throw badInput(
          `no window of model "${model}" has been judged${of} yet; is a Monitor applied, and the name right?`,
        );
      }
      writeFileSync(options.out, driftPicture(story));
      const drifted = story.windows.filter(({ verdict }) => verdict === 'drifted').length;
      print(`${options.out}: ${story.windows.length} windows, ${drifted} drifted`);
    });
}
