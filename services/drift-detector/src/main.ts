import { registry } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import { createAlertmanager, createAlertWebhook } from './adapters/http-alerts.ts';
import { createKafkaSurroundings } from './adapters/kafka-surroundings.ts';
import { createRegistryBaselines } from './adapters/registry-baselines.ts';
import { createRegistryHistories } from './adapters/registry-histories.ts';
import { createRegistryPromises } from './adapters/registry-promises.ts';
import { cacheBaselines } from './app/cached-baselines.ts';
import { createEventFollower } from './app/event-follower.ts';
import { createNotifier } from './app/notifier.ts';
import { createStages } from './app/stages.ts';
import { readConfig } from './config.ts';
import { createDriftGauges } from './drift-gauges.ts';
import { createPlanGauges } from './plan-gauges.ts';
import { createNotifyTelemetry } from './notify-telemetry.ts';
import { createQualityTelemetry } from './quality-telemetry.ts';
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
const objects = createObjectStore(config.objectStore);
const baselines = cacheBaselines(createRegistryBaselines(client, objects, telemetry), config.baselinesMax);
const stages = createStages({
  bus,
  baselines,
  histories: createRegistryHistories(client, objects, telemetry),
  phasesMax: config.phasesMax,
  promises: createRegistryPromises(client, logger),
  telemetry,
  qualityTelemetry: createQualityTelemetry(logger, metrics),
  surroundings: createKafkaSurroundings(bus, telemetry),
});

const calls = { logger, deadlineMs: config.alertDeadlineMs, runbooks: config.runbooks };
const { alertmanagerUrl, alertWebhookUrl, alertWebhookSecret: secret } = config;
const notifier = createNotifier({
  bus,
  targets: [
    ...(alertmanagerUrl === null
      ? []
      : [{ target: createAlertmanager({ ...calls, url: alertmanagerUrl }), resendMs: config.alertResendMs }]),
    ...(alertWebhookUrl === null
      ? []
      : [{ target: createAlertWebhook({ ...calls, url: alertWebhookUrl, secret }), resendMs: null }]),
  ],
  telemetry: createNotifyTelemetry(logger, metrics),
  ageMsMax: config.alertAgeMaxMs,
  now: Date.now,
});
const follower = createEventFollower({
  ...{ bus, logger, gauges: createDriftGauges(metrics, config.fieldsMax), plans: createPlanGauges(metrics) },
});
await runService({
  name,
  parts: [bus, stages, follower, notifier],
  http: { host: config.httpHost, port: config.httpPort },
  logger,
});
client.close();
