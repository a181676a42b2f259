import { describe, expect, it } from 'vitest';
import { deferred, pause, retry } from './async.ts';
import { classify, ServiceError, toServiceError } from './errors.ts';

const away = new ServiceError({ code: 'EVL_TEST_AWAY', kind: 'retryable', message: 'away' });

describe('retry', () => {
  it('tries until success, with pauses that double within their bound', async () => {
    const pauses: number[] = [];
    const value = await retry((tries) => (tries < 5 ? Promise.reject(away) : tries), {
      initialMs: 2,
      maxMs: 6,
      onRetry: (_error, _tries, pauseMs) => pauses.push(pauseMs),
    });
    expect(value).toBe(5);
    expect(pauses).toHaveLength(4);
    [2, 4, 6, 6].forEach((most, index) => {
      expect(pauses[index]).toBeLessThanOrEqual(most);
      expect(pauses[index]).toBeGreaterThanOrEqual(most / 2);
    });
  });

  it('passes the last error on after `attempts`', async () => {
    let tries = 0;
    const failing = retry(() => Promise.reject(((tries += 1), away)), { initialMs: 1, maxMs: 1, attempts: 3 });
    await expect(failing).rejects.toBe(away);
    expect(tries).toBe(3);
  });

  it('does not repeat what cannot succeed', async () => {
    const wrong = new TypeError('bug');
    await expect(retry(() => Promise.reject(wrong), { initialMs: 1, maxMs: 1 })).rejects.toBe(wrong);
  });

  it('ends with the signal', async () => {
    const aborter = new AbortController();
    const failing = retry(() => Promise.reject(away), {
      initialMs: 60_000,
      maxMs: 60_000,
      signal: aborter.signal,
      onRetry: () => aborter.abort(new Error('over')),
    });
    await expect(failing).rejects.toThrow('over');
    await expect(pause(1, aborter.signal)).rejects.toThrow('over');
  });
});

it('a deferred is settled from outside', async () => {
  const { promise, resolve } = deferred<number>();
  resolve(7);
  expect(await promise).toBe(7);
});

describe('classify', () => {
  it.each([
    ['a service error', away, 'retryable'],
    ['a refused connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'retryable'],
    ['a Kafka error that says so', Object.assign(new Error('x'), { retriable: true }), 'retryable'],
    ['a time-out', new DOMException('x', 'TimeoutError'), 'retryable'],
    ['a type error', new TypeError('x'), 'bug'],
    ['a thrown text', 'x', 'bug'],
    ['nothing', undefined, 'bug'],
  ])('%s', (_name, error, kind) => expect(classify(error)).toBe(kind));

  it('wraps with the cause kept', () => {
    const cause = new Error('inner');
    expect(toServiceError(away, { code: 'EVL_X', message: 'm' })).toBe(away);
    const wrapped = toServiceError(cause, { code: 'EVL_X_Y', message: 'reading failed' });
    expect(wrapped).toMatchObject({ code: 'EVL_X_Y', kind: 'bug', message: 'reading failed: inner', cause });
  });
});
