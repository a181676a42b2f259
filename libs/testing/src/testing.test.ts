import { describe, expect, it } from 'vitest';
import { eventually, testLogger, uniqueName } from './index.ts';

describe('eventually', () => {
  it('resolves with the first answer that is something', async () => {
    let looks = 0;
    expect(await eventually(() => ((looks += 1) < 3 ? undefined : looks))).toBe(3);
  });

  it('takes a thrown error as not yet', async () => {
    let looks = 0;
    const check = (): string => {
      looks += 1;
      if (looks < 3) throw new Error('not there');
      return 'there';
    };
    expect(await eventually(check)).toBe('there');
  });

  it('is bounded and names what it waited for, with the last error', async () => {
    const waiting = eventually(() => Promise.reject(new Error('still away')), { timeoutMs: 20, what: 'the record' });
    await expect(waiting).rejects.toThrow('the record did not come within 20 ms: still away');
  });

  it('ends with the signal', async () => {
    const aborter = new AbortController();
    const waiting = eventually(() => (aborter.abort(new Error('over')), false), { signal: aborter.signal });
    await expect(waiting).rejects.toThrow('over');
  });
});

it('names are unique', () => {
  const names = Array.from({ length: 100 }, () => uniqueName('topic'));
  expect(new Set(names).size).toBe(100);
  expect(names[0]).toMatch(/^topic-[0-9a-f]{8}$/);
});

it('a test logger keeps its lines', () => {
  const logger = testLogger('probe');
  logger.child({ part: 'x' }).warn({ err: new TypeError('wrong') }, 'it failed');
  expect(logger.lines).toMatchObject([
    { level: 'warn', service: 'probe', part: 'x', message: 'it failed', err: { type: 'TypeError' } },
  ]);
});
