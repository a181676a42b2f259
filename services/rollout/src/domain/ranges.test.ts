import { challengerWeight, drawBuckets } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideDraw, type Wanted } from './ranges.ts';

type Challengers = ReturnType<typeof divideDraw>;
const weights = (challengers: Challengers) => challengers.map(challengerWeight);

/** Who has each of some buckets. */
function owners(challengers: Challengers): readonly string[] {
  return Array.from({ length: 250 }, (_, n) => {
    const bucket = n * 4_000 + 500;
    const owner = challengers.filter(({ ranges }) => ranges.some(({ from, to }) => bucket >= from && bucket < to));
    if (owner.length > 1) throw new Error(`bucket ${bucket} is given twice`);
    return owner[0]?.version ?? 'champion';
  });
}

const wanted = fc
  .uniqueArray(fc.record({ version: fc.constantFrom('2', '3', '4', '5'), part: fc.nat(100) }), {
    selector: ({ version }) => version,
  })
  .map((parts): readonly Wanted[] => {
    const total = Math.max(100, ...[parts.reduce((sum, { part }) => sum + part, 0)]);
    return parts.map(({ version, part }) => ({ version, weight: Math.floor((part / total) * 1_000) / 1_000 }));
  });

describe('divideDraw', () => {
  it('gives what is wanted, exactly, each bucket once', () => {
    fc.assert(
      fc.property(fc.array(wanted, { minLength: 1, maxLength: 6 }), (changes) => {
        let challengers: Challengers = [];
        for (const change of changes) {
          challengers = divideDraw(challengers, change);
          expect(weights(challengers)).toEqual(change.map(({ weight }) => Math.round(weight * 1e6) / 1e6));
          owners(challengers);
        }
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('moves a unit only from one that shrinks or the champion to one that grows or the champion', () => {
    fc.assert(
      fc.property(wanted, wanted, (first, second) => {
        const before = divideDraw([], first);
        const after = divideDraw(before, second);
        const weightIn = (list: readonly Wanted[], version: string) =>
          list.find((one) => one.version === version)?.weight ?? 0;
        const [from, to] = [owners(before), owners(after)];
        return from.every((version, bucket) => {
          const now = to[bucket] ?? '';
          if (now === version) return true;
          const gives = version === 'champion' || weightIn(second, version) < weightIn(first, version);
          return gives && (now === 'champion' || weightIn(second, now) > weightIn(first, now));
        });
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('gives another trial other units, and cuts what is more than there is', () => {
    const [two, three] = ['2', '3'].map((version) => divideDraw([], [{ version, weight: 0.1 }])[0]?.ranges);
    expect(two).not.toEqual(three);
    const full = divideDraw(
      [],
      [
        { version: '2', weight: 0.7 },
        { version: '3', weight: 0.7 },
      ],
    );
    expect(weights(full)).toEqual([0.7, 0.3]);
    expect(divideDraw([], [{ version: '2', weight: 1 }])[0]?.ranges.reduce((w, { from, to }) => w + to - from, 0)).toBe(
      drawBuckets,
    );
  });
});
