import { createServer, type AddressInfo } from 'node:net';
import { deferred, ServiceError, type Health } from '@everloop/service';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { whileItAnswers, withBus } from './with-bus.ts';

/** Takes connections and never answers. */
const silent = createServer();
beforeAll(async () => await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  silent.close();
});

it('a broker that does not answer is an error that says what to do', async () => {
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const asked = withBus([address], async () => 'never', 50);
  await expect(asked).rejects.toThrow(
    `Kafka at ${address} has not answered for 0.05 s; start it with "npm start", or name another with --brokers or KAFKA_BROKERS`,
  );
});

describe('work with a broker', () => {
  const away: Health = { ok: false, reason: 'refused' };
  let health: Health = { ok: true };
  let stops = 0;
  const bus = { health: () => health, stop: async () => void (stops += 1) };
  const run = <T>(work: () => Promise<T>): Promise<T> => whileItAnswers(bus, ['k:1'], 1_000, work);

  beforeEach(() => {
    vi.useFakeTimers();
    [health, stops] = [{ ok: true }, 0];
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('may take as long as it takes while the broker answers', async () => {
    const work = deferred<string>();
    const ran = run(() => work.promise);
    await vi.advanceTimersByTimeAsync(100_000);
    work.resolve('done');
    await expect(ran).resolves.toBe('done');
    expect(stops).toBe(1);
  });

  it('ends when the broker goes away for long, and not for less', async () => {
    const ran = run(() => new Promise<never>(() => undefined));
    const ended = vi.fn();
    void ran.catch(ended);
    for (const now of [away, { ok: true }, away] as const) {
      health = now;
      await vi.advanceTimersByTimeAsync(750);
    }
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(250);
    await expect(ran).rejects.toMatchObject({ code: 'EVL_CLI_BROKER_UNREACHABLE', kind: 'retryable' });
    expect(stops).toBe(1);
  });

  it('that is cut off says what to do, and any other failure is passed on', async () => {
    const fail = (error: Error) => run(() => Promise.reject(error));
    const cut = new ServiceError({ code: 'EVL_KAFKA_UNAVAILABLE', kind: 'retryable', message: 'cut' });
    await expect(fail(cut)).rejects.toMatchObject({
      ...{ code: 'EVL_CLI_BROKER_UNREACHABLE', cause: cut },
      message: expect.stringMatching(/^Kafka at k:1 does not answer any more; start it with "npm start"/),
    });
    await expect(fail(new Error('other'))).rejects.toThrow('other');
    expect(stops).toBe(2);
  });
});
