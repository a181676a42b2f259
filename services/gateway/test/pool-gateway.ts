import { runGateway } from '../src/run-gateway.ts';
import { withTopicPrefix } from './topic-prefix.ts';

/* The gateway as `main.ts` runs it, on topics of its own: supervisor and workers alike. */
const prefix = process.env['TEST_TOPIC_PREFIX'] ?? '';
await runGateway(process.env, (bus) => withTopicPrefix(bus, prefix));
