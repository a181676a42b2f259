import { deferred, type Deferred } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { Batcher } from './batcher.ts';

function recording(options: { weightMax: number; inFlightMax: number }) {
  const batches: number[][] = [];
  const gates: Deferred<void>[] = [];
  const batcher = new Batcher<number, string>({
    ...options,
    weigh: (item) => item,
    run: async (items) => {
      batches.push([...items]);
      const gate = deferred();
      gates.push(gate);
      await gate.promise;
      return items.map(String);
    },
  });
  return { batcher, batches, gates };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Batcher', () => {
  it('gathers what one turn submits', async () => {
    const { batcher, batches, gates } = recording({ weightMax: 10, inFlightMax: 1 });
    const results = Promise.all([batcher.submit(1), batcher.submit(2)]);
    await turn();
    gates[0]?.resolve();
    expect(await results).toEqual(['1', '2']);
    expect(batches).toEqual([[1, 2]]);
  });

  it('closes a batch at its weight, in order, and lets a heavy item go alone', async () => {
    const { batcher, batches } = recording({ weightMax: 5, inFlightMax: 9 });
    for (const item of [2, 3, 9, 1]) void batcher.submit(item);
    await turn();
    expect(batches).toEqual([[2, 3], [9], [1]]);
  });

  it('fills the next batch while others run', async () => {
    const { batcher, batches, gates } = recording({ weightMax: 10, inFlightMax: 1 });
    void batcher.submit(1);
    await turn();
    void batcher.submit(2);
    await turn();
    const last = batcher.submit(3);
    await turn();
    expect(batches).toEqual([[1]]);
    gates[0]?.resolve();
    await turn();
    await turn();
    expect(batches).toEqual([[1], [2, 3]]);
    gates[1]?.resolve();
    expect(await last).toBe('3');
  });

  it.each([
    ['fails', () => Promise.reject(new Error('broken'))],
    ['answers too little', () => Promise.resolve([])],
    [
      'throws at once',
      () => {
        throw new Error('broken');
      },
    ],
  ])('fails every item of a batch that %s and goes on', async (_name, run) => {
    let isBroken = true;
    const batcher = new Batcher<number, number>({
      weigh: () => 1,
      weightMax: 10,
      inFlightMax: 1,
      run: (items) => (isBroken ? run() : Promise.resolve(items)),
    });
    const results = await Promise.allSettled([batcher.submit(1), batcher.submit(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await batcher.submit(3)).toBe(3);
  });
});
