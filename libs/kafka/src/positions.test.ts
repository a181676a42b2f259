import { createLogger } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { inputPositions } from './positions.ts';

interface Told {
  readonly low?: bigint;
  /** What can be read, as told first. */
  readonly high: bigint;
  /** Ends as told afterwards, one after the other; the last one again and again. */
  readonly ends?: readonly bigint[];
  readonly committed: bigint | null;
}

async function ask({ low = 0n, high, ends = [], committed }: Told) {
  const lines: string[] = [];
  const logger = createLogger({ service: 'kafka-test', level: 'info', write: (line) => void lines.push(line) });
  const [left, pauses] = [[...ends], [] as number[]];
  const asked = inputPositions({
    ...{ logger, groupId: 'g', inputs: ['t'], partition: 1, signal: new AbortController().signal },
    admin: {
      committed: async () => [{ topic: 't', partition: 1, offset: committed, metadata: 'm' }],
      offsets: async () => [
        { partition: 0, low: 0n, high: 99n },
        { partition: 1, low, high },
      ],
      end: async () => (left.length > 1 ? left.shift() : left[0]) ?? high,
    },
    pause: async (ms) => void pauses.push(ms),
  });
  const answer = await asked.then(([one]) => one?.position).catch((error: unknown) => error);
  return { answer, pauses, lines: lines.length };
}

describe('where a task goes on', () => {
  it.each<[string, Told, bigint]>([
    ['at the committed offset', { high: 10n, committed: 7n }, 7n],
    ['at the end', { high: 10n, committed: 10n }, 10n],
    ['at the first record that is kept when nothing is committed', { low: 3n, high: 10n, committed: null }, 3n],
    ['behind what somebody else has not committed yet', { high: 5n, ends: [10n], committed: 7n }, 7n],
  ])('%s', async (_, told, position) => {
    expect(await ask(told)).toEqual({ answer: position, pauses: [], lines: 0 });
  });

  it('at the first record that is kept when the next one is not, and says so', async () => {
    expect(await ask({ low: 5n, high: 10n, committed: 2n })).toMatchObject({ answer: 5n, lines: 1 });
  });

  it('where it was when the broker, just restarted, knows its end a little later', async () => {
    const { answer, pauses } = await ask({ high: 0n, ends: [0n, 4n, 7n], committed: 7n });
    expect(answer).toBe(7n);
    expect(pauses).toEqual([50, 100]);
  });

  it('nowhere, rather than at the beginning, when the broker keeps to an earlier end', async () => {
    const { answer, pauses } = await ask({ high: 4n, ends: [4n], committed: 7n });
    expect(answer).toMatchObject({
      code: 'EVL_KAFKA_POSITION_BEYOND_END',
      message: expect.stringMatching(/committed offset 7 of 't', partition 1, .* end at 4.*--topic t:1/s) as string,
    });
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(10_000);
  });
});
