import { createKafkaBus } from '@everloop/kafka';
import { schemaRegistries } from '@everloop/records';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { openDuckDb } from '@everloop/storage';
import { createConnect } from './adapters/connect.ts';
import { BatchSources } from './app/batch-sources.ts';
import { readConfig } from './config.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'ingest';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const telemetry = createTelemetry(logger, metrics);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const duck = await openDuckDb({ memoryLimitMib: config.duckMemoryMib, threads: 1 });
const connect = createConnect({ root: config.root, dataDir: config.dataDir, duck, env: process.env, telemetry });
const sources = new BatchSources({
  bus,
  connect,
  registryOf: schemaRegistries(process.env),
  telemetry,
  clock: Date.now,
});

await runService({ name, parts: [bus, sources], http: { host: config.httpHost, port: config.httpPort }, logger });
