import { topics } from '@everloop/contracts';
import { createGrpcServer } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService, type Part } from '@everloop/service';
import { createGrpcStageBook } from './adapters/grpc-stage-book.ts';
import { createController } from './app/controller.ts';
import { createRolloutTable, createRouteBook } from './app/rollouts.ts';
import { configSchema } from './config.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'rollout';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const telemetry = createTelemetry(logger, metrics);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const table = createRolloutTable(bus);
const routes = createRouteBook(bus);
const stages = createGrpcStageBook({
  address: config.registryAddress,
  onAway: (error) => telemetry.registryAway(error),
});
const controlTopics: Part = {
  name: 'control-topics',
  start: () =>
    bus.ensureTopics([
      ...[topics.trainingJob, topics.outcomeStats, topics.rolloutStep, topics.progress].map((topic) => ({
        name: topic,
        partitions: 1,
      })),
      ...[topics.route, topics.resources].map((topic) => ({ name: topic, partitions: 1, compacted: true })),
    ]),
  stop: async () => stages.close(),
};

await runService({
  name,
  logger,
  http: { host: config.httpHost, port: config.httpPort },
  parts: [
    bus,
    controlTopics,
    table.follower,
    routes.follower,
    createGrpcServer({ name: 'grpc', host: config.grpcHost, port: config.grpcPort, services: [], logger }),
    bus.tasks({
      groupId: 'everloop.rollout.decisions',
      inputs: [topics.trainingJob, topics.outcomeStats],
      createHandler: () =>
        createController({
          rolloutOf: (model) => table.of(model),
          routeOf: (model) => routes.of(model),
          stages,
          telemetry,
        }),
      restore: { kind: 'replay' },
      progress: { service: name, stage: 'main' },
    }),
  ],
});
