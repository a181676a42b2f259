import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import '../src/index.ts';

/*
 * For `node --import`: lets a process meet its fault inside a transaction, between its writes and its commit.
 * EVL_FAULT_TRANSACTION = `<signal> <n> <marker file>`: at the n-th transactional write the marker file is written and the signal sent to
 * itself: SIGSTOP is a long garbage collection or a suspended machine, SIGKILL a crash.
 */
const [signal = '', nth = '', marker = ''] = (process.env['EVL_FAULT_TRANSACTION'] ?? '').split(' ');
const require = createRequire(import.meta.url);
const broker = require('kafkajs/src/broker/index.js') as {
  prototype: { produce: (request: { readonly transactionalId?: string }) => Promise<unknown> };
};
const produce = broker.prototype.produce;
let writes = 0;

broker.prototype.produce = async function (request) {
  const answer = await produce.call(this, request);
  if (typeof request.transactionalId === 'string' && (writes += 1) === Number(nth)) {
    writeFileSync(marker, '');
    process.kill(process.pid, signal);
  }
  return answer;
};
