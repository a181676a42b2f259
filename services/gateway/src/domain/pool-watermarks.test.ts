import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PoolWatermark } from './pool-watermarks.ts';

describe('PoolWatermark', () => {
  it('is nothing before every worker has said something, and then as far as the slowest', () => {
    const pool = new PoolWatermark(2);
    expect(pool.due).toBeNull();
    pool.reached(0, 10);
    expect(pool.due).toBeNull();
    pool.reached(1, 5);
    expect(pool.due).toBe(5);
    pool.written(5);
    expect(pool.due).toBeNull();
    pool.reached(1, 20);
    expect(pool.due).toBe(10);
  });

  it('does not go back for a worker that begins anew', () => {
    const pool = new PoolWatermark(1);
    pool.reached(0, 10);
    pool.written(10);
    pool.reached(0, 3);
    expect(pool.due).toBeNull();
    pool.reached(0, 11);
    expect(pool.due).toBe(11);
  });

  it('is never beyond a worker, never goes back and comes as far as the slowest', () => {
    const reports = fc.array(fc.record({ worker: fc.nat(2), ms: fc.nat(1_000) }), { maxLength: 200 });
    fc.assert(
      fc.property(reports, (said) => {
        const pool = new PoolWatermark(3);
        const most = [-Infinity, -Infinity, -Infinity];
        let written = -Infinity;
        for (const { worker, ms } of said) {
          pool.reached(worker, ms);
          most[worker] = Math.max(most[worker] ?? 0, ms);
          const { due } = pool;
          if (due === null) continue;
          expect(due).toBe(Math.min(...most));
          expect(due).toBeGreaterThan(written);
          pool.written(due);
          written = due;
        }
        expect(written).toBe(Math.min(...most));
      }),
    );
  });
});
