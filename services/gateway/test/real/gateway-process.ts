import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService } from '@everloop/service';
import { addInferenceRoutes } from '../../src/adapters/http-inference.ts';
import { addServingRoutes } from '../../src/adapters/http-serving.ts';
import { composeGateway } from '../../src/compose.ts';
import { configSchema } from '../../src/config.ts';
import { withTopicPrefix } from '../topic-prefix.ts';

/* The gateway as main.ts runs it, on topics whose names begin with the argument, so that it can share a broker. */
const name = 'gateway';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const plain = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const bus = withTopicPrefix(plain, process.argv[2] ?? '');
const { service, serving, parts } = composeGateway({ config, bus, logger, metrics });

await runService({
  name,
  logger,
  parts,
  http: { host: config.httpHost, port: config.httpPort },
  extraRoutes: (app) => {
    const limits = { bodyBytesMax: config.messageBytesMax };
    addServingRoutes(app, serving, limits);
    addInferenceRoutes(app, service, limits);
  },
});
