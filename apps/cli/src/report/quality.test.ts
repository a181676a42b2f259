import { describe, expect, it } from 'vitest';
import { QualityFold, rounded, type LabelledScore } from './quality.ts';

const row = (joinKey: string, score: number, label: number, over: Partial<LabelledScore> = {}): LabelledScore => ({
  joinKey,
  span: '2013-05',
  score,
  label,
  isServed: true,
  isFirst: false,
  ...over,
});

describe('QualityFold', () => {
  it('is empty without rows', () => {
    expect(new QualityFold().quality(() => true)).toMatchObject({ rows: 0, aucServed: null });
  });

  it('counts the first version against itself while it serves', () => {
    const fold = new QualityFold();
    fold.add(row('a', 0.9, 1, { isFirst: true }));
    fold.add(row('b', 0.2, 0, { isFirst: true }));
    const quality = fold.quality(() => true);
    expect(quality).toMatchObject({ rows: 2, positives: 1, aucServed: 1, aucNeverRetrained: 1 });
    // By hand: -(ln 0.9 + ln 0.8) / 2.
    expect(quality.logLossServed).toBe(0.164252);
    expect(quality.logLossNeverRetrained).toBe(0.164252);
  });

  it('takes the newest label of a request', () => {
    const fold = new QualityFold();
    fold.add(row('a', 0.9, 0, { isFirst: true }));
    fold.add(row('a', 0.9, 1, { isFirst: true }));
    expect(fold.quality(() => true)).toMatchObject({ rows: 1, positives: 1 });
  });

  it('compares over the same requests only, whichever comes first', () => {
    const fold = new QualityFold();
    const shadow = { isServed: false, isFirst: true };
    fold.add(row('a', 0.3, 1, shadow));
    fold.add(row('a', 0.8, 1));
    fold.add(row('b', 0.1, 0));
    fold.add(row('b', 0.6, 0, shadow));
    fold.add(row('served only', 0.5, 1));
    fold.add(row('shadowed only', 0.5, 1, shadow));
    expect(fold.quality(() => true)).toMatchObject({ rows: 2, aucServed: 1, aucNeverRetrained: 0 });
    expect(fold.labelled('2013-05')).toBe(3);
  });

  it('keeps months apart', () => {
    const fold = new QualityFold();
    fold.add(row('a', 0.9, 1, { isFirst: true }));
    fold.add(row('b', 0.9, 1, { isFirst: true, span: '2013-06' }));
    expect(fold.quality((month) => month === '2013-06')).toMatchObject({ rows: 1, aucServed: null });
  });
});

describe('rounded', () => {
  it.each([
    [0.12345678, 0.123457],
    [Number.NaN, null],
    [1, 1],
  ])('%d is %d', (value, expected) => {
    expect(rounded(value)).toBe(expected);
  });
});
