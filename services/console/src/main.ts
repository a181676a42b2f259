import { topics } from '@everloop/contracts';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService, type Part } from '@everloop/service';
import { addPage } from './adapters/http-page.ts';
import { createLiveState, foldedTopics } from './app/fold-topics.ts';
import { configSchema } from './config.ts';
import { toPage } from './domain/page-state.ts';

const name = 'console';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const live = createLiveState((record, error) => {
  logger.warn(
    { err: error, topic: record.topic, offset: String(record.offset) },
    'a record is not what its topic promises; left out',
  );
});
const compacted: readonly string[] = [topics.route, topics.driftPlan, topics.qualityHold];
const topicsReady: Part = {
  name: 'topics',
  start: () =>
    bus.ensureTopics(
      foldedTopics.map((topic) => ({ name: topic, partitions: 1, compacted: compacted.includes(topic) })),
    ),
  stop: async () => undefined,
};
let closeWatchers = (): void => undefined;
const watchers: Part = { name: 'watchers', start: async () => undefined, stop: async () => closeWatchers() };

await runService({
  name,
  logger,
  http: { host: config.httpHost, port: config.httpPort },
  extraRoutes: (app) => {
    const page = addPage(app, {
      get revision() {
        return live.revision;
      },
      json: () => JSON.stringify(toPage(live.current)),
    });
    closeWatchers = () => page.closeWatchers();
  },
  parts: [
    bus,
    topicsReady,
    bus.follow({ topics: foldedTopics, from: 'beginning', onRecord: (record) => live.take(record) }),
    watchers,
  ],
});
