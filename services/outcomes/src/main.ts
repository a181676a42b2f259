import { createKafkaBus } from '@everloop/kafka';
import { schemaRegistries } from '@everloop/records';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { createJoins } from './app/joins.ts';
import { createQualityFollower } from './app/quality.ts';
import { readConfig } from './config.ts';
import { createQualityGauges } from './quality-gauges.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'outcomes';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const joins = createJoins({
  bus,
  telemetry: createTelemetry(logger, metrics),
  registryOf: schemaRegistries(process.env),
  stateMax: config.stateMax,
  awaitTopicMs: config.awaitTopicMs,
});
const quality = createQualityFollower({
  bus,
  gauges: createQualityGauges(metrics),
  windowMs: config.metricsWindowMs,
});

await runService({
  name,
  parts: [bus, joins, quality],
  http: { host: config.httpHost, port: config.httpPort },
  logger,
});
