import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService } from '@everloop/service';
import { compose } from './compose.ts';
import { configSchema } from './config.ts';

const name = 'trainer';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });

await runService({
  name,
  logger,
  http: { host: config.httpHost, port: config.httpPort },
  parts: [bus, ...compose({ config, bus, logger, metrics })],
});
