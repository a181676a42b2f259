/** The flights as they happened in 2013: producer, client application and the clock that ties them together. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inference, topics } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { createKafkaBus, type Bus } from '@everloop/kafka';
import { commonConfig, createLogger, createMetrics, errorText, loadConfig, ServiceError } from '@everloop/service';
import { loadTables } from './data/tables.ts';
import { sourceTopics } from './producer/events.ts';
import { createTimeline } from './producer/timeline.ts';
import { readCommandLine, replayOptions, type CommandLine } from './replay/options.ts';
import { ProgressBoard } from './replay/progress.ts';
import { Replay } from './replay/replay.ts';
import { weeklyLines } from './replay/weekly.ts';

const schema = {
  kafkaBrokers: commonConfig.kafkaBrokers,
  logLevel: { ...commonConfig.logLevel, default: 'warn' },
  gatewayAddress: {
    env: 'EVL_GATEWAY_ADDRESS',
    type: 'string',
    default: '127.0.0.1:8001',
    unit: 'host:port',
    why: 'Where the client application asks for predictions.',
  },
} as const;

/** Services create the topics once the resources are applied; that takes seconds, a minute on a cold machine. */
const topicsWaitMs = 120_000;
const callDeadlineMs = 30_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Partitions of the source topics; refuses topics that hold events already, because a second replay would repeat them. */
async function inspectTopics(bus: Bus): Promise<Record<string, number>> {
  await bus.awaitTopics(sourceTopics, topicsWaitMs);
  await bus.ensureTopics([topics.clock, topics.progress].map((name) => ({ name, partitions: 1 })));
  const partitions: Record<string, number> = {};
  for (const topic of sourceTopics) {
    const offsets = await bus.offsets(topic);
    if (offsets.some(({ low, high }) => high > low)) {
      const message = `${topic} holds events already; a replay starts on empty topics (remove the data folder of the broker)`;
      throw new ServiceError({ code: 'EVL_REPLAY_NOT_EMPTY', kind: 'terminal', message });
    }
    partitions[topic] = offsets.length;
  }
  return partitions;
}

async function replay(line: CommandLine, signal: AbortSignal): Promise<void> {
  const config = loadConfig('flights', schema, process.env);
  const write = (text: string): void => void process.stderr.write(text);
  const logger = createLogger({ service: 'flights', level: config.logLevel, write });
  const metrics = createMetrics('flights');
  const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: 'everloop.flights', logger, metrics });
  const tables = await loadTables(line.dataFolder ?? join(import.meta.dirname, '..', 'data'));
  const timeline = createTimeline(tables);
  const options = replayOptions(line, timeline);
  const client = connect(inference.GRPCInferenceServiceService, config.gatewayAddress, {
    name: 'flights',
    deadlineMs: callDeadlineMs,
  });
  const board = new ProgressBoard();
  await bus.start();
  const publisher = bus.publisher({ name: 'flights' });
  const follower = bus.follow({
    topics: [topics.progress],
    from: 'end',
    onRecord: (record) => {
      board.accept(record.value);
    },
  });
  try {
    const partitions = await inspectTopics(bus);
    await follower.start();
    await publisher.start();
    const onStep = weeklyLines(board, say);
    const nowMs = (): number => Date.now();
    const deps = {
      flights: tables.flights,
      timeline,
      publisher,
      gateway: client,
      board,
      partitions,
      say,
      onStep,
      nowMs,
      signal,
    };
    const run = new Replay(deps, options);
    try {
      await run.run();
    } finally {
      if (line.reportInput !== null) writeFileSync(line.reportInput, `${JSON.stringify(run.counts(), null, 2)}\n`);
    }
  } finally {
    client.close();
    for (const part of [follower, publisher, bus]) await part.stop();
  }
}

const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stopped.abort(new ServiceError({ code: 'EVL_REPLAY_STOPPED', kind: 'terminal', message: `stopped by ${name}` }));
  });
}
try {
  await replay(readCommandLine(process.argv.slice(2)), stopped.signal);
} catch (error) {
  const code = error instanceof ServiceError ? `${error.code}: ` : '';
  process.stderr.write(`${code}${errorText(error)}\n`);
  process.exitCode = stopped.signal.aborted ? 130 : 1;
}
