import { join } from 'node:path';
import { topics } from '@everloop/contracts';
import { createGrpcServer } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, type Health, loadConfig, type Part, runService } from '@everloop/service';
import { registryService } from './adapters/grpc-registry.ts';
import { createKafkaEventPublisher } from './adapters/kafka-event-publisher.ts';
import { openRegistryStore } from './adapters/sqlite-store.ts';
import { createOutboxPublisher } from './app/outbox-publisher.ts';
import { verifyLedger } from './app/read.ts';
import { configSchema } from './config.ts';
import type { RegistryStore } from './ports.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';

const name = 'registry';
const config = loadConfig(name, configSchema, process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const telemetry = createTelemetry(logger, metrics);
const store = openRegistryStore(join(config.dataDir, 'registry.sqlite'));
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const events = bus.publisher({ name: 'registry-events' });
const outbox = createOutboxPublisher({
  store,
  publisher: createKafkaEventPublisher(bus, events, topics),
  telemetry,
  topic: topics.resources,
});
const service = registryService({ store, outbox, telemetry, topics, outboxEventsMax: config.outboxEventsMax });
const grpc = createGrpcServer({ name, host: config.grpcHost, port: config.grpcPort, services: [service], logger });

await runService({
  name,
  // gRPC before Kafka: requests succeed while the broker is away, and the outbox keeps the events.
  parts: [storePart(store, telemetry), grpc, bus, events, outbox],
  http: { host: config.httpHost, port: config.httpPort },
  logger,
});

/** Checks the ledger at the start and closes the store at the end. A broken ledger keeps serving, but is not ready. */
function storePart(opened: RegistryStore, facts: Telemetry): Part {
  let health: Health = { ok: false, reason: 'not started' };
  return {
    name: 'registry-store',
    start: async () => {
      const verdict = verifyLedger(opened);
      facts.ledgerVerified(verdict);
      const reason = `the ledger is not intact: ${verdict.problems[0] ?? ''}; restore the database from a backup`;
      health = verdict.intact ? { ok: true } : { ok: false, reason };
    },
    stop: async () => opened.close(),
    health: () => health,
  };
}
