import { describe, expect, it } from 'vitest';
import { Statistics } from './statistics.ts';

const request = { model: 'm', version: '1', rows: 3, totalMs: 5, waitMs: 1, inputMs: 2, outputMs: 0.5 };

describe('Statistics', () => {
  it('is all zero for a version that was never used', () => {
    const none = new Statistics(() => 7).of('m', '1');
    expect(none).toMatchObject({ name: 'm', version: '1', lastInference: 0n, inferenceCount: 0n, batchStats: [] });
    expect(none.inferenceStats?.success).toEqual({ count: 0n, ns: 0n });
  });

  it('adds up requests, runs and executions of each version', () => {
    const statistics = new Statistics(() => 7_000);
    statistics.answered(request);
    statistics.answered({ ...request, rows: 1 });
    statistics.answered({ ...request, version: '2' });
    statistics.ran('m', '1', 0.25, 1);
    statistics.ran('m', '1', 0, 1);
    statistics.runFailed('m', '2', 4);
    statistics.executed('m', '1', 4, 1);
    expect(statistics.of('m', '1')).toMatchObject({
      lastInference: 7_000n,
      inferenceCount: 4n,
      executionCount: 1n,
      inferenceStats: {
        success: { count: 2n, ns: 10_000_000n },
        fail: { count: 0n, ns: 0n },
        queue: { count: 2n, ns: 2_250_000n },
        computeInput: { count: 2n, ns: 4_000_000n },
        computeInfer: { count: 2n, ns: 2_000_000n },
        computeOutput: { count: 2n, ns: 1_000_000n },
      },
      batchStats: [{ batchSize: 4n, computeInfer: { count: 1n, ns: 1_000_000n } }],
    });
    expect(statistics.of('m', '2').inferenceStats?.fail).toEqual({ count: 1n, ns: 4_000_000n });
    expect(statistics.versionsOf('m')).toEqual(['1', '2']);
  });

  it('tells few batch sizes apart, in order', () => {
    const statistics = new Statistics(() => 0);
    for (const rows of [300, 2, 500, 256, 2]) statistics.executed('m', '1', rows, 1);
    expect(
      statistics.of('m', '1').batchStats.map(({ batchSize, computeInfer }) => [batchSize, computeInfer?.count]),
    ).toEqual([
      [2n, 2n],
      [256n, 1n],
      [512n, 2n],
    ]);
  });

  it('forgets the version that was used least recently when there are too many', () => {
    let now = 0;
    const statistics = new Statistics(() => (now += 1));
    for (let version = 1; version <= 256; version += 1) statistics.answered({ ...request, version: String(version) });
    statistics.answered(request);
    statistics.answered({ ...request, version: '257' });
    expect(statistics.versionsOf('m')).toHaveLength(256);
    expect(statistics.versionsOf('m')).toContain('1');
    expect(statistics.versionsOf('m')).not.toContain('2');
  });
});
