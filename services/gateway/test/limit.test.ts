import { expect, it } from 'vitest';
import { ConcurrencyLimit } from '../src/domain/concurrency-limit.ts';
import { setUp } from './harness.ts';

it('an overloaded gateway refuses what would only wait, and answers again when there is room', async () => {
  const limit = new ConcurrencyLimit({ min: 2, max: 10, initial: 2, windowMs: 0 });
  const harness = setUp({ limit });
  await harness.start();
  await harness.route({});
  await harness.gateway.service.repositoryModelLoad({ modelName: 'delay', parameters: {} });
  const held = Promise.withResolvers<Float64Array>();
  harness.runner.score = () => held.promise;
  const running = ['a', 'b'].map((id) => harness.infer({ id }));
  await expect(harness.infer({ id: 'c' })).rejects.toMatchObject({
    ...{ code: 'EVL_GATEWAY_LIMIT_EXHAUSTED', kind: 'retryable' },
    message: expect.stringMatching(/2 calls are in flight/),
  });
  held.resolve(Float64Array.of(0.5, 0.5));
  await Promise.allSettled(running);
  expect(limit.inFlight).toBe(0);
  harness.runner.score = (_version, batch) => Promise.resolve(new Float64Array(batch.rows).fill(0.5));
  expect((await harness.infer({ id: 'c' })).modelVersion).toBe('1');
  harness.runner.score = () => Promise.reject(new Error('broken'));
  await expect(harness.infer({ id: 'd' })).rejects.toMatchObject({ code: 'EVL_GATEWAY_RUN_FAILED' });
  expect(limit.inFlight).toBe(0);
  await harness.stop();
});
