import { createKafkaBus } from '@everloop/kafka';
import { schemaRegistries } from '@everloop/records';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { Sources } from './app/sources.ts';
import { readConfig } from './config.ts';
import { createQualityTelemetry } from './quality-telemetry.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'validator';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const sources = new Sources({
  stream: bus,
  telemetry: createTelemetry(logger, metrics),
  qualityTelemetry: createQualityTelemetry(logger, metrics),
  limits: { recordBytesMax: config.recordBytesMax, uniqueEntriesMax: config.uniqueEntriesMax },
  registryOf: schemaRegistries(process.env),
});

await runService({ name, parts: [bus, sources], http: { host: config.httpHost, port: config.httpPort }, logger });
