import { deferred } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import type { Packed } from '../domain/vector.ts';
import { Explainer, type ExplainTask, type ExplainerOptions } from './explainer.ts';

const inputs = [{ type: 'category' }, { type: 'number' }, { type: 'number' }] as const;

/** 2a + ab, and 10 for a category 'x'. */
function scoreOf({ rows, numeric, categories }: Packed): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    const [a = 0, b = 0] = numeric.subarray(row * 2);
    return 2 * a + a * b + (categories[row] === 'x' ? 10 : 0);
  });
}

const backgroundBatch: Packed = { rows: 2, numeric: Float32Array.of(0, 0, 1, 2), categories: ['x', 'y'] };
const background = { batch: backgroundBatch, scores: scoreOf(backgroundBatch) };

interface World {
  readonly explainer: Explainer;
  readonly runs: number[];
  readonly explained: [string, number][];
  readonly task: (fields?: Partial<ExplainTask>) => ExplainTask;
}

function world(options: Partial<ExplainerOptions> = {}): World {
  const runs: number[] = [];
  const explained: [string, number][] = [];
  const explainer = new Explainer({
    ...{ evaluationsMax: 2_048, batchRowsMax: 4, queueRowsMax: 4 },
    onExplained: (model, evaluations) => explained.push([model, evaluations]),
    ...options,
  });
  const batch: Packed = { rows: 2, numeric: Float32Array.of(3, 4, 1, 2), categories: ['x', 'y'] };
  const task: World['task'] = (fields = {}) => ({
    ...{ model: 'm', version: '1', inputs, background, batch, scores: scoreOf(batch), caller: undefined },
    decisionIds: ['d#0', 'd#1'],
    score: (rows) => {
      runs.push(rows.rows);
      return Promise.resolve(scoreOf(rows));
    },
    ...fields,
  });
  return { explainer, runs, explained, task };
}

describe('Explainer', () => {
  it('says what each input contributed, in the order of the model, and it sums to the score', async () => {
    const { explainer, task, explained } = world();
    const [first, second] = await explainer.explain(task());
    // Against (0, 0, x): a gives 6 and half of 12, b the other half. Against (1, 2, y): x gives 10; a: 2·2 + 2·3, b: 2·2.
    expect(first).toEqual({ attributions: Float64Array.of(5, 11, 5), base: 7 });
    expect(second?.base).toBe(7);
    expect([...(second?.attributions ?? [])].reduce((sum, each) => sum + each, 7)).toBeCloseTo(4, 12);
    expect(explained).toEqual([
      ['m', 8],
      ['m', 6],
    ]);
  });

  it('runs small batches, one at a time, one row after the other', async () => {
    const { explainer, task, runs } = world({ batchRowsMax: 3, queueRowsMax: 8 });
    let [underWay, most] = [0, 0];
    const score = async (rows: Packed): Promise<Float64Array> => {
      underWay += 1;
      most = Math.max(most, underWay);
      runs.push(rows.rows);
      await Promise.resolve();
      underWay -= 1;
      return scoreOf(rows);
    };
    await Promise.all([explainer.explain(task({ score })), explainer.explain(task({ score }))]);
    expect(most).toBe(1);
    expect(Math.max(...runs)).toBe(3);
    expect(runs.reduce((sum, rows) => sum + rows, 0)).toBe(28);
  });

  it('samples within its evaluations where that is cheaper, the same for the same decision', async () => {
    const wide = Array.from({ length: 12 }, () => ({ type: 'number' }) as const);
    const rows = (count: number, value: (n: number) => number): Packed => ({
      ...{ rows: count, categories: [] },
      numeric: Float32Array.from({ length: 12 * count }, (_, n) => value(n)),
    });
    const score = (batch: Packed): Promise<Float64Array> =>
      Promise.resolve(
        Float64Array.from({ length: batch.rows }, (_, row) =>
          batch.numeric.subarray(row * 12, row * 12 + 12).reduce((product, x) => product * (1 + x / 10), 1),
        ),
      );
    const [batch, others] = [rows(1, Math.sin), rows(5, (n) => Math.cos(n))];
    const { explainer, task, explained } = world({ evaluationsMax: 500 });
    const asked = async (id: string) => {
      const scores = await score(batch);
      const against = { batch: others, scores: await score(others) };
      const [explanation] = await explainer.explain(
        task({ inputs: wide, batch, background: against, score, scores, decisionIds: [id] }),
      );
      const total = [...(explanation?.attributions ?? [])].reduce((sum, each) => sum + each, explanation?.base ?? 0);
      expect(total).toBeCloseTo(scores[0] ?? Number.NaN, 12);
      return explanation;
    };
    const first = await asked('a');
    expect(await asked('a')).toEqual(first);
    expect(await asked('b')).not.toEqual(first);
    for (const [, evaluations] of explained) expect(evaluations).toBe(440);
  });

  it('refuses more rows than may wait, and takes them when there is room again', async () => {
    const { explainer, task } = world();
    explainer.admit(4);
    const under = explainer.explain(task());
    expect(() => explainer.admit(3)).toThrow(expect.objectContaining({ code: 'EVL_GATEWAY_EXPLAIN_FULL' }));
    explainer.admit(2);
    await under;
    explainer.admit(4);
  });

  it('explains nothing without a background', async () => {
    const { explainer, task } = world();
    const none = { batch: { rows: 0, numeric: new Float32Array(0), categories: [] }, scores: new Float64Array(0) };
    for (const missing of [null, none]) {
      await expect(explainer.explain(task({ background: missing }))).rejects.toMatchObject({
        code: 'EVL_GATEWAY_EXPLAIN_PRECONDITION',
      });
    }
  });

  it('stops for a caller that is gone, and after a run that failed goes on with others', async () => {
    const { explainer, task, runs } = world();
    const caller = { isOver: false };
    const [started, gate] = [deferred(), deferred()];
    const held = explainer.explain(
      task({
        caller,
        score: async (rows) => {
          started.resolve();
          await gate.promise;
          return scoreOf(rows);
        },
      }),
    );
    const gone = expect(held).rejects.toMatchObject({ code: 'EVL_GATEWAY_CALL_CANCELLED' });
    const broken = explainer.explain(task({ score: () => Promise.reject(new Error('broken')) }));
    const failed = expect(broken).rejects.toThrow('broken');
    await started.promise;
    caller.isOver = true;
    gate.resolve();
    await gone;
    await failed;
    expect(await explainer.explain(task())).toHaveLength(2);
    expect(runs).toEqual([4, 4, 4, 2]);
  });
});
