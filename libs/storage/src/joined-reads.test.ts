import fc from 'fast-check';
import { expect, it, vi } from 'vitest';

import { JoinedReads } from './joined-reads.ts';

const valueOf = (key: string): Buffer | null => (key.startsWith('absent') ? null : Buffer.from(key));

function reads(keysMax: number) {
  const command = vi.fn((keys: string[]) => Promise.resolve(keys.map(valueOf)));
  return { command, joined: new JoinedReads(command, keysMax) };
}

it('gives each read its own values, in few commands of bounded size, each key asked for as often as it is wanted', async () => {
  const key = fc.oneof(fc.constantFrom('a', 'b', 'absent'), fc.string({ maxLength: 5 }));
  const calls = fc.array(fc.array(key, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(calls, fc.integer({ min: 1, max: 20 }), async (asked, keysMax) => {
      const { command, joined } = reads(keysMax);
      const found = await Promise.all(asked.map((keys) => joined.read(keys)));
      expect(found).toEqual(asked.map((keys) => keys.map(valueOf)));
      const sizes = command.mock.calls.map(([keys]) => keys.length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(keysMax);
      expect(command.mock.calls.flatMap(([keys]) => keys)).toEqual(asked.flat());
      // Two groups in a row hold more than one command takes, and a group has one command that is not full.
      expect(sizes.length).toBeLessThanOrEqual(1 + (3 * asked.flat().length) / keysMax);
    }),
  );
});

it('asks once for what is asked for in one turn, and again in the next', async () => {
  const { command, joined } = reads(100);
  await Promise.all([joined.read(['a']), Promise.resolve().then(() => joined.read(['b', 'a']))]);
  await joined.read(['c']);
  expect(command.mock.calls).toEqual([[['a', 'b', 'a']], [['c']]]);
});

it('tells everyone in a command that it failed, nobody else, and goes on', async () => {
  const { command, joined } = reads(3);
  const failure = new Error('LOADING');
  command.mockImplementationOnce(() => Promise.reject(failure));
  const found = await Promise.allSettled([['a', 'b'], ['c'], ['d']].map((keys) => joined.read(keys)));
  expect(found).toEqual([
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: [Buffer.from('d')] },
  ]);
  expect(await joined.read(['a'])).toEqual([Buffer.from('a')]);
});

it('fails a read when any of its commands failed, also when the command throws at once', async () => {
  const { command, joined } = reads(2);
  for (const keys of [['a'], ['a', 'b', 'c']]) {
    command.mockImplementationOnce(() => {
      throw new Error('gone');
    });
    await expect(joined.read(keys)).rejects.toThrow('gone');
  }
  command.mockImplementationOnce((keys) => Promise.resolve(keys.map(valueOf)));
  command.mockImplementationOnce(() => Promise.reject(new Error('away')));
  await expect(joined.read(['a', 'b', 'c'])).rejects.toThrow('away');
});
