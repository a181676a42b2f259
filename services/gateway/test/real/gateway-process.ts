import { runGateway } from '../../src/run-gateway.ts';
import { withTopicPrefix } from '../topic-prefix.ts';

/* The gateway as main.ts runs it, on topics whose names begin with the argument, so that it can share a broker. */
await runGateway(process.env, (bus) => withTopicPrefix(bus, process.argv[2] ?? ''));
