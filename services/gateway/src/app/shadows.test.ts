import { deferred, pause } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { ShadowQueues, type ShadowTask } from './shadows.ts';

function setUp(options: Partial<ConstructorParameters<typeof ShadowQueues>[0]> = {}) {
  const dropped: string[] = [];
  const queues = new ShadowQueues({
    ...{ rowsMax: 2, deadlineMs: 1_000, tries: 3 },
    onDropped: (reason, rows) => void dropped.push(`${reason} ${rows}`),
    ...options,
  });
  queues.keepOnly('m', new Set(['2', '3']));
  return { dropped, queues };
}

function task(version: string, scores: () => Promise<number[]>, tolerance = 0.1): ShadowTask & { scored: number[][] } {
  const scored: number[][] = [];
  return {
    ...{ model: 'm', shadow: { version, share: 1, tolerance }, answered: Float64Array.of(0.5, 0.5), scored },
    score: async () => Float64Array.from(await scores()),
    onScored: (found) => void scored.push([...found]),
  };
}

describe('ShadowQueues', () => {
  it('logs and compares what came in time', async () => {
    const { dropped, queues } = setUp();
    const one = task('2', async () => [0.5, 0.75]);
    await queues.add(one);
    await queues.add(task('2', async () => [0.55, 0.5]));
    expect(one.scored).toEqual([[0.5, 0.75]]);
    const report = queues.reports.find(({ version }) => version === '2');
    expect(report).toMatchObject({ model: 'm', rows: 4, maxAbs: 0.25, over: 1 });
    expect(report?.sumAbs).toBeCloseTo(0.3, 12);
    expect(dropped).toEqual([]);
  });

  it('gives each shadow room of its own', async () => {
    const { dropped, queues } = setUp();
    const gate = deferred<number[]>();
    const slow = queues.add(task('2', () => gate.promise));
    await queues.add(task('2', async () => [0, 0]));
    const other = task('3', async () => [0.5, 0.5]);
    await queues.add(other);
    expect(dropped).toEqual(['full 2']);
    expect(other.scored).toHaveLength(1);
    gate.resolve([0, 0]);
    await slow;
    expect(queues.isFull('m', '2', 2)).toBe(false);
  });

  it.each([
    ['too late', 1, ['deadline 2'], 0],
    ['never too late in a replay', null, [], 1],
  ])('%s', async (_name, deadlineMs, expected, scored) => {
    const { dropped, queues } = setUp({ deadlineMs });
    const one = task('2', () => pause(20).then(() => [0, 0]));
    await queues.add(one);
    expect(dropped).toEqual(expected);
    expect(one.scored).toHaveLength(scored);
  });

  it.each([
    ['retryable', 3],
    ['terminal', 1],
  ])('tries again after a %s failure, %i times in all', async (kind, tries) => {
    const { dropped, queues } = setUp();
    let tried = 0;
    const failing = task('2', () => {
      tried += 1;
      return Promise.reject(Object.assign(new Error('no'), { kind }));
    });
    await queues.add(failing);
    expect({ tried, dropped }).toEqual({ tried: tries, dropped: ['failed 2'] });
  });

  it('forgets the shadows of a model that are not in its route any more', async () => {
    const { queues } = setUp();
    await queues.add(task('2', async () => [0, 0]));
    queues.keepOnly('m', new Set(['3']));
    await queues.add(task('2', async () => [0, 0]));
    expect(queues.reports.map(({ version, rows }) => `${version} ${rows}`)).toEqual(['3 0']);
    queues.keepOnly('m', new Set(['2', '3']));
    expect(queues.reports.map(({ version, rows }) => `${version} ${rows}`)).toEqual(['3 0', '2 0']);
  });
});
