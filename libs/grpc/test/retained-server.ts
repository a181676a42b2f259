/**
 * A gRPC server that says, when asked, how much its calls left in the heap: bytes that only a full collection frees. Run with `--expose-gc` and
 * a young generation that is never full by itself.
 */
import { registry } from '@everloop/contracts';
import { testLogger } from '@everloop/testing';
import { createGrpcServer, implement } from '../src/index.ts';

const { getVersion } = registry.RegistryServiceService;
const server = createGrpcServer({
  ...{ name: 'retained', host: '127.0.0.1', port: 0, logger: testLogger() },
  services: [implement({ getVersion }, { getVersion: () => ({ version: undefined }) })],
});

function heapBytes(): number {
  return process.memoryUsage().heapUsed;
}

let before = 0;
process.on('message', (what) => {
  if (what === 'begin') {
    gc?.();
    before = heapBytes();
    process.send?.({ begun: true });
  } else {
    // An object outlives two collections of the young generation, or what refers to it is old.
    for (let times = 0; times < 3; times += 1) gc?.({ type: 'minor' });
    process.send?.({ bytes: heapBytes() - before });
  }
});
process.on('disconnect', () => process.exit());
await server.start();
process.send?.({ port: server.port });
