import { createKafkaBus, type Bus } from '@everloop/kafka';
import { createLogger, createMetrics, loadConfig, runService, type Config, type Logger } from '@everloop/service';
import { addInferenceRoutes } from './adapters/http-inference.ts';
import { addServingRoutes } from './adapters/http-serving.ts';
import { forkWorker, supervisorChannel } from './adapters/pool/cluster.ts';
import { createSupervisor } from './adapters/pool/supervisor.ts';
import { composeGateway } from './compose.ts';
import { configSchema } from './config.ts';

const name = 'gateway';
/** A supervisor waits longer than its workers, which take up to 20,000 ms to drain, and less than the 30 s that orchestrators give. */
const supervisorDrainMs = 25_000;

/**
 * Runs this process to its end: the gateway; or, with several EVL_GATEWAY_WORKERS, their supervisor, which starts this program again for each
 * of them. `dress` may change the bus; tests do.
 */
export async function runGateway(env: NodeJS.ProcessEnv, dress: (bus: Bus) => Bus = (bus) => bus): Promise<void> {
  const config = loadConfig(name, configSchema, env);
  const logger = createLogger({ service: name, level: config.logLevel });
  if (config.workers > 1 && config.worker < 0) await runSupervisor(config, logger);
  else await runAlone(config, logger, dress);
}

async function runSupervisor(config: Config<typeof configSchema>, logger: Logger): Promise<void> {
  const { workers, workerAgeMaxMs: ageMaxMs, workerRssBytesMax: rssBytesMax } = config;
  const supervisor = createSupervisor({
    ...{ workers, ageMaxMs, rssBytesMax, logger, fork: forkWorker, nowMs: () => performance.now() },
    after: (ms, action) => void setTimeout(action, ms).unref(),
  });
  process.on('SIGHUP', () => supervisor.recycle());
  await runService({ name, logger, parts: [supervisor], http: null, drainMs: supervisorDrainMs });
}

async function runAlone(config: Config<typeof configSchema>, logger: Logger, dress: (bus: Bus) => Bus): Promise<void> {
  const metrics = createMetrics(name);
  const bus = dress(createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics }));
  const isWorker = config.worker >= 0;
  if (isWorker)
    metrics.gauge('everloop_gateway_pool_workers', 'Workers of the pool that answer for their metrics').set(1);
  // A terminal gives it to the whole group; the supervisor decides.
  if (isWorker) process.on('SIGHUP', () => undefined);
  const pool = isWorker ? { channel: supervisorChannel() } : {};
  const { service, serving, parts, link } = composeGateway({ config, bus, logger, metrics, ...pool });
  await runService({
    name,
    logger,
    parts,
    http: {
      ...{ host: config.httpHost, port: config.httpPort },
      ...(link === null ? {} : { onlyWhileRunning: true, metrics: link.metrics }),
    },
    extraRoutes: (app) => {
      const limits = { bodyBytesMax: config.messageBytesMax };
      addServingRoutes(app, serving, limits);
      addInferenceRoutes(app, service, limits);
    },
  });
}
