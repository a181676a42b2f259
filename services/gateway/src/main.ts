import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService } from '@everloop/service';
import { addInferenceRoutes } from './adapters/http-inference.ts';
import { addServingRoutes } from './adapters/http-serving.ts';
import { composeGateway } from './compose.ts';
import { configSchema } from './config.ts';

const name = 'gateway';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
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
