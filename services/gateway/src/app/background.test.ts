import { servingApi } from '@everloop/contracts';
import { deferred, type Deferred } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { gatewayError } from '../errors.ts';
import { Background } from './background.ts';

const full = () => gatewayError('EVL_GATEWAY_QUEUE_FULL', 'full');
const response = servingApi.PredictResponse.fromPartial({ score: 1 });

/** A gateway whose answers the test gives, and a clock that only pauses move. */
function setUp(inFlightMax = 2, patienceMs = 1_000) {
  const calls: {
    readonly id: string;
    readonly caller: unknown;
    readonly answer: Deferred<servingApi.PredictResponse>;
  }[] = [];
  const pauses: number[] = [];
  const clock = { nowMs: 0 };
  const background = new Background({
    service: {
      predict: ({ id }, caller) => {
        const answer = deferred<servingApi.PredictResponse>();
        calls.push({ id, caller, answer });
        return answer.promise;
      },
    },
    ...{ inFlightMax, patienceMs, nowMs: () => clock.nowMs },
    pause: async (ms) => {
      pauses.push(ms);
      clock.nowMs += ms;
    },
  });
  const ask = (id: string, untilMs = background.patienceEndMs()) =>
    background.predict(servingApi.PredictRequest.fromPartial({ id, model: 'm' }), untilMs, () => ({ isOver: false }));
  /** Resolves when so many calls were made. */
  const made = async (count: number) => {
    while (calls.length < count) await Promise.resolve();
    return calls[count - 1]?.answer ?? deferred();
  };
  return { ask, background, calls, made, pauses };
}

describe('Background', () => {
  it('has few requests under way, and begins the next in order when one ends', async () => {
    const { ask, calls, made } = setUp(2);
    const asked = ['a', 'b', 'c', 'd'].map((id) => ask(id));
    await made(2);
    expect(calls.map(({ id }) => id)).toEqual(['a', 'b']);
    (await made(1)).reject(gatewayError('EVL_GATEWAY_MODEL_NOT_FOUND', 'none'));
    await expect(asked[0]).rejects.toMatchObject({ code: 'EVL_GATEWAY_MODEL_NOT_FOUND' });
    for (const count of [2, 3, 4]) (await made(count)).resolve(response);
    await Promise.all(asked.slice(1));
    expect(calls.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('tries again while the gateway is too busy, less and less often', async () => {
    const { ask, made, pauses } = setUp();
    const asked = ask('a');
    for (const count of [1, 2, 3]) (await made(count)).reject(full());
    (await made(4)).resolve(response);
    expect(await asked).toBe(response);
    expect(pauses).toEqual([50, 100, 200]);
  });

  it('gives up when its patience is over', async () => {
    const { ask, made, pauses } = setUp(2, 300);
    const asked = ask('a');
    for (const count of [1, 2, 3, 4]) (await made(count)).reject(full());
    await expect(asked).rejects.toMatchObject({ code: 'EVL_GATEWAY_QUEUE_FULL' });
    expect(pauses).toEqual([50, 100, 200]);
  });

  it('tries what waited for its turn beyond its patience, once, and each try has a caller of its own', async () => {
    const { ask, calls, made, pauses } = setUp(1, 50);
    const [first, second] = [ask('a'), ask('b', 0)];
    for (const count of [1, 2]) (await made(count)).reject(full());
    await expect(first).rejects.toMatchObject({ code: 'EVL_GATEWAY_QUEUE_FULL' });
    expect(calls[0]?.caller).not.toBe(calls[1]?.caller);
    (await made(3)).reject(full());
    await expect(second).rejects.toMatchObject({ code: 'EVL_GATEWAY_QUEUE_FULL' });
    expect(pauses).toEqual([50]);
  });

  it('does not try again what another try cannot help', async () => {
    const { ask, made, pauses } = setUp();
    const asked = ask('a');
    (await made(1)).reject(new Error('a bug'));
    await expect(asked).rejects.toThrow('a bug');
    expect(pauses).toEqual([]);
  });

  it('ends what waits when the gateway stops, and begins nothing more', async () => {
    const { ask, background, calls, made } = setUp(1);
    const asked = ['a', 'b', 'c'].map((id) => ask(id));
    const ended = Promise.allSettled(asked);
    const first = await made(1);
    background.stop();
    first.reject(full());
    for (const { status, ...result } of await ended) {
      expect(status).toBe('rejected');
      expect(result).toMatchObject({ reason: { code: 'EVL_GATEWAY_NOT_READY' } });
    }
    expect(calls).toHaveLength(1);
  });
});
