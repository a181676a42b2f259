import { servingApi } from '@everloop/contracts';
import { pause } from '@everloop/service';
import { isolatedBus, testBus } from '@everloop/testing';
import { createRequestTasks } from '../src/adapters/kafka-requests.ts';
import { Background } from '../src/app/background.ts';
import { TransactionLogs } from '../src/app/transaction-logs.ts';
import { gatewayError } from '../src/errors.ts';

/* A process that answers requests over Kafka with twice their `x`, and logs them, sometimes too busy, until it is killed. */
const [prefix = ''] = process.argv.slice(2);
const bus = isolatedBus(await testBus(), prefix);
let calls = 0;
const background = new Background({
  service: {
    predict: async ({ id, features }, caller) => {
      calls += 1;
      process.send?.(id);
      await pause(1);
      caller?.log?.append('served', [{ joinKey: id, value: Buffer.from(id) }]);
      if (calls % 7 === 0) throw gatewayError('EVL_GATEWAY_QUEUE_FULL', 'busy');
      return servingApi.PredictResponse.fromPartial({ id, score: 2 * Number(features?.['x']) });
    },
  },
  ...{ inFlightMax: 8, patienceMs: 60_000, nowMs: () => performance.now(), pause },
});
await createRequestTasks({
  ...{ bus, background, transactions: new TransactionLogs(), partitions: 4, recordsMax: 8 },
  nowMs: () => Date.now(),
  onAnswered: () => undefined,
}).start();
