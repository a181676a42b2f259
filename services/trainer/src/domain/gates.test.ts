import { describe, expect, it } from 'vitest';
import {
  absoluteGate,
  figuresOf,
  fixedGate,
  isApproved,
  judge,
  recentGate,
  type Evaluation,
  type ScoredRows,
} from './gates.ts';

const gates = { minRows: 10, minAuc: 0.7, minRecentGain: 0.01, maxFixedLoss: 0.01, confidence: 0.95 };
const rows = 400;
const labels = Uint8Array.from({ length: rows }, (_, row) => row % 2);

/** Scores that give the true label `confidence` in all rows but every `wrongEvery`-th. */
function scores(confidence: number, wrongEvery = Infinity): Float64Array {
  return Float64Array.from(labels, (label, row) => {
    const isWrong = wrongEvery !== Infinity && row % wrongEvery < 2;
    return (label === 1) === isWrong ? 1 - confidence : confidence;
  });
}

const part = (challenger: Float64Array, champion: Float64Array | null, count = rows): ScoredRows => ({
  labels: labels.subarray(0, count),
  challenger: challenger.subarray(0, count),
  champion: champion === null ? null : champion.subarray(0, count),
});
const evaluation = (over: Partial<Evaluation>): Evaluation => ({
  recent: part(scores(0.8), scores(0.7)),
  recentShared: part(scores(0.8), scores(0.7)),
  fixedShared: part(scores(0.8), scores(0.7)),
  championVersion: '1',
  championTrouble: null,
  ...over,
});

describe('absoluteGate', () => {
  it.each([
    ['a good model', part(scores(0.8), null), 'pass', /AUC 1 on 400 recent rows, at least 0.7/],
    ['a useless model', part(scores(0.5), null), 'fail', /AUC 0.5 .* below 0.7/],
    ['few rows', part(scores(0.8), null, 9), 'inconclusive', /9 rows, at least 10/],
    ['no rows', part(scores(0.8), null, 0), 'inconclusive', /0 rows/],
    [
      'one label only',
      { labels: new Uint8Array(20), challenger: new Float64Array(20), champion: null },
      'inconclusive',
      /does not occur/,
    ],
  ])('%s', (_name, scored, verdict, detail) => {
    expect(absoluteGate(scored, gates)).toMatchObject({ verdict, detail: expect.stringMatching(detail) });
  });
});

describe('recentGate', () => {
  it.each([
    ['surely better', { recentShared: part(scores(0.8), scores(0.7)) }, 'pass', /surely above/],
    ['surely worse', { recentShared: part(scores(0.7), scores(0.8)) }, 'fail', /surely not above/],
    ['the same model', { recentShared: part(scores(0.8), scores(0.8)) }, 'fail', /gain 0 \[0, 0\]/],
    [
      'a difference that may be chance',
      { recentShared: part(scores(0.9, 40), scores(0.81)) },
      'inconclusive',
      /cannot be told/,
    ],
    ['few rows', { recentShared: part(scores(0.8), scores(0.7), 5) }, 'inconclusive', /5 rows/],
    [
      'a champion without scores',
      { recentShared: part(scores(0.8), null), championTrouble: 'its file is corrupt' },
      'inconclusive',
      /its file is corrupt/,
    ],
  ])('%s', (_name, over, verdict, detail) => {
    expect(recentGate(evaluation(over), gates)).toMatchObject({ verdict, detail: expect.stringMatching(detail) });
  });
});

describe('fixedGate', () => {
  it.each([
    ['better', { fixedShared: part(scores(0.8), scores(0.7)) }, 'pass', /no more than 0.01/],
    ['a little worse', { fixedShared: part(scores(0.795), scores(0.8)) }, 'pass', /no more/],
    ['much worse', { fixedShared: part(scores(0.7), scores(0.8)) }, 'fail', /more than 0.01/],
    ['few rows', { fixedShared: part(scores(0.8), scores(0.7), 0) }, 'inconclusive', /0 rows/],
    ['a champion without scores', { fixedShared: part(scores(0.8), null) }, 'inconclusive', /could not be compared/],
  ])('%s', (_name, over, verdict, detail) => {
    expect(fixedGate(evaluation(over), gates)).toMatchObject({ verdict, detail: expect.stringMatching(detail) });
  });
});

describe('judge', () => {
  const first = { recentShared: part(scores(0.8), null), fixedShared: part(scores(0.8), null), championVersion: null };
  it.each([
    ['a first version: the absolute gate alone', first, ['absolute pass'], true],
    ['a better version', {}, ['absolute pass', 'recent pass', 'fixed pass'], true],
    [
      'worse on the fixed holdout',
      { fixedShared: part(scores(0.7), scores(0.8)) },
      ['absolute pass', 'recent pass', 'fixed fail'],
      false,
    ],
    [
      'not newer outcomes enough',
      { recentShared: part(scores(0.8), scores(0.7), 3) },
      ['absolute pass', 'recent inconclusive', 'fixed pass'],
      false,
    ],
  ])('%s', (_name, over, expected, approved) => {
    const verdicts = judge(evaluation(over), gates);
    expect(verdicts.map((gate) => `${gate.name} ${gate.verdict}`)).toEqual(expected);
    expect(isApproved(verdicts)).toBe(approved);
  });

  it('approves nothing without a verdict', () => {
    expect(isApproved([])).toBe(false);
  });
});

describe('figuresOf', () => {
  it('gives only figures that are known', () => {
    const all = figuresOf(
      evaluation({ recentShared: part(scores(0.8), null), fixedShared: part(scores(0.8), null, 0) }),
      gates,
    );
    expect(Object.values(all).every(Number.isFinite)).toBe(true);
    expect(Object.keys(all)).toEqual([
      'time_holdout.rows',
      'time_holdout.auc',
      'time_holdout.log_loss',
      'fixed_holdout.rows',
    ]);
  });
});
