import { registry } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { createRegistryBaselines } from './adapters/registry-baselines.ts';
import { cacheBaselines } from './app/cached-baselines.ts';
import { createStages } from './app/stages.ts';
import { readConfig } from './config.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'drift-detector';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const telemetry = createTelemetry(logger, metrics);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const client = connect(registry.RegistryServiceService, config.registryAddress, {
  name: `everloop-${name}`,
  deadlineMs: config.registryDeadlineMs,
});
const baselines = createRegistryBaselines(client, createObjectStore(config.objectStore), telemetry);
const stages = createStages({ bus, baselines: cacheBaselines(baselines, config.baselinesMax), telemetry });

await runService({ name, parts: [bus, stages], http: { host: config.httpHost, port: config.httpPort }, logger });
client.close();
