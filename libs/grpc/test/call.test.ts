import type { ServerUnaryCall } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { registry } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';
import { testLogger } from '@everloop/testing';
import { expect, it } from 'vitest';
import { unaryHandler, type Decoded } from '../src/call.ts';
import type { CallContext } from '../src/implement.ts';

const cancelled = new ServiceError({ code: 'EVL_TEST_CANCELLED', kind: 'terminal', message: 'given up' });

/** The status of a call of which the handler gives up. */
function statusOfCall(deadlineMaxMs: number, handler: (context: CallContext) => never): Promise<unknown> {
  const call = { request: { message: {} }, getDeadline: () => Infinity, on: () => undefined };
  const handle = unaryHandler({
    method: registry.RegistryServiceService.getVersion,
    handler: (_message, context) => handler(context),
    deadlineMaxMs,
    logger: testLogger(),
  });
  return new Promise((resolve) => {
    handle(call as unknown as ServerUnaryCall<Decoded, unknown>, (error) => resolve((error as { code: number }).code));
  });
}

it('work that is given up since the deadline has passed is DEADLINE_EXCEEDED, also where the timer is late', async () => {
  const code = await statusOfCall(20, (context) => {
    // Nothing else runs meanwhile, the timer neither.
    while (context.deadlineMs > 0);
    throw cancelled;
  });
  expect(code).toBe(status.DEADLINE_EXCEEDED);
});

it('work that is given up before is CANCELLED', async () => {
  const giveUp = (): never => {
    throw cancelled;
  };
  expect(await statusOfCall(60_000, giveUp)).toBe(status.CANCELLED);
});
