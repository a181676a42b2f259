import { describe, expect, it } from 'vitest';
import { createOnnxRunner } from './onnx-runner.ts';

const batch = { rows: 1, numeric: new Float32Array(1), categories: [] };

function setUp(run: () => Promise<void> = () => Promise.resolve()) {
  const facts: string[] = [];
  const runner = createOnnxRunner(
    {
      load: () => Promise.resolve({ nNumeric: 1, nCategories: 0, ops: [] }),
      unload: () => Promise.resolve(),
      run: (_key, input) => run().then(() => new Float64Array(input.rows)),
    },
    {
      ...{ rowsMax: 8, queueMax: 8, timeoutMs: 1_000 },
      watch: (key) => ({
        executed: (rows, ms) => void facts.push(`executed ${key} ${rows} ${ms >= 0}`),
        ran: (queueMs, inferMs) => void facts.push(`ran ${key} ${queueMs >= 0 && inferMs >= 0}`),
        failed: (ms) => void facts.push(`failed ${key} ${ms >= 0}`),
      }),
    },
  );
  return { runner, facts };
}

describe('createOnnxRunner', () => {
  it('tells one execution of the runs that shared it, and each run', async () => {
    const { runner, facts } = setUp();
    await runner.load('m/1#1', 'path', 'digest');
    await Promise.all([runner.run('m/1#1', batch), runner.run('m/1#1', batch)]);
    expect(facts).toEqual(['executed m/1#1 2 true', 'ran m/1#1 true', 'ran m/1#1 true']);
  });

  it('tells a failed run and no execution', async () => {
    const { runner, facts } = setUp(() => Promise.reject(new Error('no')));
    await runner.load('m/1#1', 'path', 'digest');
    await expect(runner.run('m/1#1', batch)).rejects.toThrow('no');
    expect(facts).toEqual(['failed m/1#1 true']);
  });

  it('lets runs of a model wait for each other where it says so, until it is unloaded', async () => {
    const { runner, facts } = setUp();
    await runner.load('m/1#1', 'path', 'digest', { maxRows: 2, maxDelayMs: 60_000 });
    const first = runner.run('m/1#1', batch);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, runner.run('m/1#1', batch)]);
    expect(facts[0]).toBe('executed m/1#1 2 true');
    await runner.unload('m/1#1');
    await runner.run('m/1#1', batch);
    // Neither does it wait, nor is it told.
    expect(facts).toHaveLength(3);
  });
});
