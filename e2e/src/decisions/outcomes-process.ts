import { createKafkaBus } from '@everloop/kafka';
import { createLogger, createMetrics, runService } from '@everloop/service';
import { isolatedBus } from '@everloop/testing';
import { createJoins } from '../../../services/outcomes/src/app/joins.ts';
import { readConfig } from '../../../services/outcomes/src/config.ts';
import { createTelemetry } from '../../../services/outcomes/src/telemetry.ts';

/* The service outcomes as `main.ts` runs it, on topics of its own. */
const name = 'outcomes';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const plain = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const bus = isolatedBus(plain, process.env['TEST_TOPIC_PREFIX'] ?? '');
const telemetry = createTelemetry(logger, metrics);
const joins = createJoins({ bus, telemetry, stateMax: config.stateMax, awaitTopicMs: config.awaitTopicMs });

await runService({ name, logger, parts: [bus, joins], http: { host: config.httpHost, port: config.httpPort } });
