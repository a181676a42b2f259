import { isolatedBus } from '@everloop/testing';
import { runGateway } from '../../../services/gateway/src/run-gateway.ts';

/* The gateway as `main.ts` runs it, on topics of its own. */
const prefix = process.env['TEST_TOPIC_PREFIX'] ?? '';
await runGateway(process.env, (bus) => isolatedBus(bus, prefix));
