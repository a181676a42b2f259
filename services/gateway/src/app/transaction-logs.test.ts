import { describe, expect, it } from 'vitest';
import { TransactionLogs } from './transaction-logs.ts';

const record = (joinKey: string, bytes = 1) => ({ joinKey, value: Buffer.alloc(bytes) });

async function isSettled(logs: TransactionLogs): Promise<boolean> {
  let settled = false;
  void logs.settled().then(() => (settled = true));
  await new Promise(setImmediate);
  return settled;
}

describe('TransactionLogs', () => {
  it('keep the records of an attempt with their streams, in order', async () => {
    const transaction = new TransactionLogs().begin();
    const [one, other] = [transaction.attempt(), transaction.attempt()];
    one.append('served', [record('a'), record('b')]);
    other.append('served', [record('x')]);
    one.append('decided', [record('c')]);
    await one.written();
    expect((await one.take()).map(({ stream, joinKey }) => `${stream} ${joinKey}`)).toEqual([
      ...['served a', 'served b', 'decided c'],
    ]);
  });

  it('take what comes behind the answer too', async () => {
    const attempt = new TransactionLogs().begin().attempt();
    attempt.follows?.(Promise.resolve().then(() => attempt.append('shadowed', [record('s')])));
    expect(await attempt.take()).toHaveLength(1);
  });

  it('refuse a record that is too large for Kafka, and hold nothing up for it', async () => {
    const logs = new TransactionLogs();
    const attempt = logs.begin().attempt();
    expect(() => attempt.append('served', [record('a'), record('b', 1_000_001)])).toThrow(/1000001 bytes/);
    expect(await attempt.take()).toEqual([]);
    expect(await isSettled(logs)).toBe(true);
  });

  it('are settled while nothing was recorded, and when all that were begun have ended', async () => {
    const logs = new TransactionLogs();
    const [idle, one, other] = [logs.begin(), logs.begin(), logs.begin()];
    expect(await isSettled(logs)).toBe(true);
    one.attempt().append('served', [record('a')]);
    other.attempt().append('served', [record('b')]);
    expect(await isSettled(logs)).toBe(false);
    one.end();
    one.end();
    expect(await isSettled(logs)).toBe(false);
    other.end();
    expect(await isSettled(logs)).toBe(true);
    idle.end();
    idle.attempt().append('served', [record('late: nobody takes it')]);
    expect(await isSettled(logs)).toBe(true);
  });
});
