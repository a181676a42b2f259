import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { expiryPlan, mergePlan } from './compaction-plan.ts';

const limits = { smallRows: 100, targetRows: 6_400, fan: 4 };

function filesOf(rows: readonly number[]) {
  let offset = 0;
  return rows.map((count, i) => {
    const firstOffset = offset;
    offset += count;
    return { file: `${i}`, rows: count, firstOffset, lastOffset: offset - 1, maxTimeMs: offset * 10 };
  });
}

function names(rows: readonly number[]): string | undefined {
  return mergePlan(filesOf(rows), limits)
    ?.map(({ file }) => file)
    .join();
}

describe('mergePlan', () => {
  it.each<[string, number[], string | undefined]>([
    ['no files', [], undefined],
    ['too few', [100, 100, 100], undefined],
    ['four small neighbours', [100, 100, 100, 100], '0,1,2,3'],
    ['the first four', [100, 100, 100, 100, 100], '0,1,2,3'],
    ['small ones after a large one', [6_400, 100, 1, 100, 100], '1,2,3,4'],
    ['small ones that a large one parts', [100, 100, 1_600, 100, 100], undefined],
    ['four of the next level', [400, 400, 400, 400], '0,1,2,3'],
    ['the lowest level first', [400, 400, 400, 400, 100, 100, 100, 100], '4,5,6,7'],
    ['nothing beyond the target', [6_400, 6_400, 6_400, 6_400], undefined],
  ])('%s', (_, rows, expected) => expect(names(rows)).toBe(expected));

  it('ends with few files, all neighbours in order, each row written again a bounded number of times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 200 }), (rows) => {
        let files = filesOf(rows);
        let written = 0;
        for (;;) {
          const plan = mergePlan(files, limits);
          if (plan === null) break;
          const first = files.findIndex(({ file }) => file === plan[0]?.file);
          expect(files.slice(first, first + plan.length)).toEqual(plan);
          const count = plan.reduce((sum, file) => sum + file.rows, 0);
          expect(count).toBeLessThanOrEqual(limits.targetRows);
          written += count;
          files = filesOf([
            ...files.slice(0, first).map((f) => f.rows),
            count,
            ...files.slice(first + plan.length).map((f) => f.rows),
          ]);
        }
        const total = rows.reduce((sum, count) => sum + count, 0);
        expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(total);
        expect(written).toBeLessThanOrEqual(8 * total);
        expect(files.length).toBeLessThanOrEqual(16 + (4 * total) / limits.targetRows);
      }),
    );
  });
});

describe('expiryPlan', () => {
  const files = filesOf([10, 10, 10]);
  it('only whole files that are older go', () => {
    expect(expiryPlan(files, 200, []).expired.map(({ file }) => file)).toEqual(['0']);
    expect(expiryPlan(files, 201, []).expired.map(({ file }) => file)).toEqual(['0', '1']);
    expect(expiryPlan(files, -Infinity, []).expired).toEqual([]);
  });

  it('a pinned range keeps what it touches, and says for whom', () => {
    const { expired, kept } = expiryPlan(files, 301, [{ start: 19, end: 20, dataset: 'd1' }]);
    expect(expired.map(({ file }) => file)).toEqual(['0', '2']);
    expect(kept.map(({ file, dataset }) => [file.file, dataset])).toEqual([['1', 'd1']]);
  });
});
