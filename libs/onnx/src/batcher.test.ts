import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBatcher } from './batcher.ts';
import type { RunInput } from './host-protocol.ts';

/** A host that adds up each row and ends a run only when told to. */
function manualHost(width: number) {
  const runs: { input: RunInput; end: () => void; fail: (error: Error) => void }[] = [];
  return {
    runs,
    run: (_key: string, input: RunInput) =>
      new Promise<Float64Array>((resolve, reject) => {
        const sums = Float64Array.from({ length: input.rows }, (_, row) =>
          input.numeric.subarray(row * width, row * width + width).reduce((sum, each) => sum + each, 0),
        );
        runs.push({ input, end: () => resolve(sums), fail: reject });
      }),
  };
}

const row = (...values: number[]): RunInput => ({ rows: 1, numeric: Float32Array.from(values), categories: ['c'] });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const options = { timeoutMs: 100 };

describe('createBatcher', () => {
  it('merges runs of one turn and gives each its own scores', async () => {
    const host = manualHost(2);
    const batcher = createBatcher(host, { rowsMax: 64, queueMax: 100 });
    const scores = [row(1, 2), row(3, 4), row(5, 6)].map((input) => batcher.run('m', input, options));
    await turn();
    expect(host.runs.map((run) => run.input.rows)).toEqual([3]);
    expect(host.runs[0]?.input.categories).toEqual(['c', 'c', 'c']);
    host.runs[0]?.end();
    expect((await Promise.all(scores)).map((each) => [...each])).toEqual([[3], [7], [11]]);
  });

  it('merges what comes while a run is under way, up to rowsMax', async () => {
    const host = manualHost(1);
    const batcher = createBatcher(host, { rowsMax: 2, queueMax: 100 });
    const first = batcher.run('m', row(1), options);
    await turn();
    const rest = [2, 3, 4].map((value) => batcher.run('m', row(value), options));
    host.runs[0]?.end();
    await first;
    await turn();
    host.runs[1]?.end();
    await Promise.all(rest.slice(0, 2));
    await turn();
    host.runs[2]?.end();
    expect((await Promise.all(rest)).map((each) => each[0])).toEqual([2, 3, 4]);
    expect(host.runs.map((run) => run.input.rows)).toEqual([1, 2, 1]);
  });

  it('refuses more rows than may wait, and takes them again afterwards', async () => {
    const host = manualHost(1);
    const batcher = createBatcher(host, { rowsMax: 64, queueMax: 2 });
    const taken = [batcher.run('m', row(1), options), batcher.run('m', row(2), options)];
    await expect(batcher.run('m', row(3), options)).rejects.toMatchObject({ code: 'EVL_ONNX_QUEUE_FULL' });
    await turn();
    host.runs[0]?.end();
    await Promise.all(taken);
    const again = batcher.run('m', row(4), options);
    await turn();
    host.runs[1]?.end();
    expect([...(await again)]).toEqual([4]);
  });

  it('fails only the rows of the run that failed', async () => {
    const host = manualHost(1);
    const batcher = createBatcher(host, { rowsMax: 1, queueMax: 10 });
    const bad = batcher.run('m', row(1), options);
    const good = batcher.run('m', row(2), options);
    await turn();
    host.runs[0]?.fail(new Error('no'));
    await expect(bad).rejects.toThrow('no');
    await turn();
    host.runs[1]?.end();
    expect([...(await good)]).toEqual([2]);
  });

  it('keeps rows of another width apart', async () => {
    const host = manualHost(1);
    const batcher = createBatcher(host, { rowsMax: 64, queueMax: 10 });
    void batcher.run('m', row(1), options);
    void batcher.run('m', row(1, 2), options);
    await turn();
    expect(host.runs[0]?.input.rows).toBe(1);
  });
});

describe('a batcher whose runs wait for each other', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());
  const waiting = { timeoutMs: 100, batching: { maxRows: 3, maxDelayMs: 5 } };
  const host = () => {
    const made = manualHost(1);
    const run = (key: string, input: RunInput) => {
      const scores = made.run(key, input);
      made.runs.at(-1)?.end();
      return scores;
    };
    return { runs: made.runs, run };
  };
  const sizes = (runs: ReturnType<typeof host>['runs']) => runs.map(({ input }) => input.rows);

  it('runs a batch when it is full, or its oldest run has waited long enough', async () => {
    const { runs, run } = host();
    const batcher = createBatcher({ run }, { rowsMax: 64, queueMax: 100 });
    const full = [batcher.run('m', row(1), waiting)];
    await turn();
    await vi.advanceTimersByTimeAsync(4);
    expect(sizes(runs)).toEqual([]);
    full.push(batcher.run('m', row(2), waiting), batcher.run('m', row(3), waiting));
    expect((await Promise.all(full)).map(([score]) => score)).toEqual([1, 2, 3]);
    await turn();
    const late = batcher.run('m', row(4), waiting);
    await turn();
    await vi.advanceTimersByTimeAsync(4);
    const later = batcher.run('m', row(5), waiting);
    expect(sizes(runs)).toEqual([3]);
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all([late, later]);
    expect(sizes(runs)).toEqual([3, 2]);
  });

  it('stops to wait where nobody comes, and begins again when runs meet', async () => {
    const { runs, run } = host();
    const batcher = createBatcher({ run }, { rowsMax: 64, queueMax: 100 });
    for (let lonely = 0; lonely < 16; lonely += 1) {
      const alone = batcher.run('m', row(1), waiting);
      await turn();
      await vi.advanceTimersByTimeAsync(5);
      await alone;
      await turn();
    }
    await batcher.run('m', row(1), waiting);
    expect(sizes(runs)).toHaveLength(17);
    await turn();
    const two = [batcher.run('m', row(1), waiting), batcher.run('m', row(2), waiting)];
    await turn();
    expect(sizes(runs)).toHaveLength(17);
    await vi.advanceTimersByTimeAsync(5);
    await Promise.all(two);
    expect(sizes(runs).at(-1)).toBe(2);
  });
});
