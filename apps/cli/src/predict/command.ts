import { openDuckDb } from '@everloop/storage';
import type { Command } from 'commander';
import { addresses, numberBetween } from '../options.ts';
import { connectGateway } from './gateway-client.ts';
import { runPredict, type PredictOutcome } from './run-predict.ts';

/** What the command works with. */
export interface PredictContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface PredictCommandOptions {
  readonly model: string;
  readonly in: string;
  readonly out: string;
  readonly modelVersion: string;
  readonly id?: string;
  readonly unit?: string;
  readonly time?: string;
  readonly partRows: number;
  readonly batch: number;
  readonly calls: number;
  readonly attempts: number;
  readonly gateway?: string;
}

/** `everloop predict`. */
export function addPredictCommand(program: Command, { env, print }: PredictContext): void {
  program
    .command('predict')
    .description(
      'predict every row of a file through the gateway; a command that was killed goes on when it is run again',
    )
    .requiredOption('--model <model>', 'name of the Model')
    .requiredOption('--in <file>', 'Parquet or CSV with the request fields of the Model')
    .requiredOption('--out <file>', 'Parquet file with a score for each row; there only when all of it is')
    .option('--model-version <version>', 'version that shall answer; by default the route decides', '')
    .option('--id <column>', 'column with the id of each request; by default one of the file and the row')
    .option('--unit <column>', 'column with what the routing draw is made for; by default the id')
    .option('--time <column>', 'column with the event time, a timestamp or epoch milliseconds; by default now')
    .option('--part-rows <n>', 'rows that are answered again after a kill, at most', whole(1, 1_000_000), 50_000)
    .option('--batch <n>', 'rows of one call', whole(1, 256), 256)
    .option('--calls <n>', 'calls under way at once', whole(1, 64), 4)
    .option('--attempts <n>', 'tries while the gateway is busy or away, with pauses of up to 5 s', whole(1, 1_000), 30)
    .option('--gateway <address>', 'gateway, host:port (EVL_GATEWAY_ADDRESS)')
    .action(async (options: PredictCommandOptions) => {
      const { id, unit, time } = options;
      const client = connectGateway(addresses(env, options).gatewayAddress, options.attempts);
      const duck = await openDuckDb({ memoryLimitMib: 512 });
      try {
        const outcome = await runPredict(duck, client, {
          ...{ model: options.model, input: options.in, output: options.out, version: options.modelVersion },
          ...{ partRows: options.partRows, batchRows: options.batch, callsMax: options.calls },
          columns: {
            ...(id === undefined ? {} : { id }),
            ...(unit === undefined ? {} : { unit }),
            ...(time === undefined ? {} : { time }),
          },
        });
        print(outcomeText(outcome, options.out));
      } finally {
        duck.close();
        client.close();
      }
    });
}

function outcomeText({ rows, scored, refused, side, resumed, missing }: PredictOutcome, output: string): string {
  const lines = [
    `${rows} rows: ${scored} scored in ${output}, ${refused} refused${refused === 0 ? '' : ` in ${side}`}`,
  ];
  if (resumed > 0) lines.push(`${resumed} of them were answered by an earlier run`);
  if (missing.length > 0) lines.push(`the input has no ${missing.join(', ')}: the gate treated them as missing`);
  return lines.join('\n');
}

function whole(min: number, max: number): (text: string) => number {
  const read = numberBetween(min, max, 'A whole number');
  return (text) => Math.trunc(read(text));
}
