import { drift, type serving } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseline, baselineMessage, hour, hourOfRows, inference } from '../../test/fixtures.ts';
import { baselineProblem } from './baseline.ts';
import { addPane, predictionsOf } from './counts.ts';
import { countPanes } from './pane-gatherer.ts';
import { countPane } from './pane.ts';

const reference = baseline();
const shares = fc.constantFrom(0, 0.1, 0.3, 0.12, 1);

function counted(rows: readonly serving.Inference[]): readonly drift.Pane[] {
  return countPanes(rows, () => reference);
}

describe('counting', () => {
  test('rows go to their model, champion and hour', () => {
    const rows = [
      inference('a', { eventTimeMs: hour - 1, temp: 0.5, carrier: 'a', score: 0.5 }),
      inference('b', { eventTimeMs: hour, temp: 0.5, carrier: 'a', score: 0.5 }),
      inference('c', { eventTimeMs: hour, champion: '2', temp: 0.5, carrier: 'a', score: 0.5 }),
    ];
    expect(counted(rows).map(({ startMs, baselineVersion, rows: own }) => [startMs, baselineVersion, own])).toEqual([
      [0, '1', 1],
      [hour, '1', 1],
      [hour, '2', 1],
    ]);
  });

  test('inputs, score, missing and unseen values', () => {
    const [pane] = counted([
      inference('a', { eventTimeMs: 0, temp: -5, carrier: 'new', score: 0.5 }),
      inference('b', { eventTimeMs: 0, temp: null, carrier: 'a', score: 0.5, version: '2' }),
    ]);
    const [temp, carrier, score] = pane?.fields ?? [];
    expect(temp).toMatchObject({ field: 'temp', missing: 1 });
    expect(temp?.counts[0]).toBe(1);
    expect(carrier?.counts.at(-1)).toBe(1);
    // The second row was scored by a canary.
    expect(score?.counts.reduce((a, b) => a + b, 0)).toBe(1);
    expect(pane?.rows).toBe(2);
  });

  test('an input that the rows do not have is missing', () => {
    const rows = [
      {
        ...inference('a', { eventTimeMs: 0, temp: 1, carrier: 'a', score: 0.5 }),
        inputNames: ['other'],
        inputValues: [],
      },
    ];
    expect(countPane({ model: 'm', baselineVersion: '1', startMs: 0, rows }, reference).fields[0]?.missing).toBe(1);
  });

  test('without a baseline only the rows count', () => {
    const pane = countPane({ model: 'm', baselineVersion: '', startMs: 0, rows: hourOfRows(1, 0, 3, 0) }, null);
    expect(pane).toMatchObject({
      model: 'm',
      baselineVersion: '',
      startMs: 0,
      rows: 3,
      predictionsMicro: 3e6,
      fields: [],
    });
  });

  test('a share of the log: rows stand for what was predicted; a pane of before has none but its rows', () => {
    const rows = hourOfRows(1, 0, 30, 0).map((row) => ({ ...row, inclusionProbability: 0.1 }));
    const [pane] = counted(rows);
    expect(pane).toMatchObject({ rows: 30, predictionsMicro: 300e6 });
    const [before] = counted(hourOfRows(2, 0, 5, 0));
    if (pane === undefined || before === undefined) throw new Error('no panes');
    addPane(pane, { ...before, predictionsMicro: 0 });
    expect([pane.rows, predictionsOf(pane)]).toEqual([35, 305]);
  });

  test('merging the panes of any split equals counting the whole, also through JSON', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.integer({ min: 1, max: 99 }), shares, (a, b, seed, share) => {
        const rows = hourOfRows(seed, 0, a + b + 1, 0.1).map((row) => ({ ...row, inclusionProbability: share }));
        const [whole] = counted(rows);
        const parts = [rows.slice(0, a), rows.slice(a)].flatMap((part) => counted(part));
        const [first, ...rest] = parts.map((pane) =>
          drift.Pane.fromJSON(JSON.parse(JSON.stringify(drift.Pane.toJSON(pane)))),
        );
        if (first === undefined) return;
        for (const pane of rest) addPane(first, pane);
        expect(first).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a baseline that cannot be used', () => {
  const good = baselineMessage('1');
  const [temp] = good.fields;
  test.each([
    ['good', good, null],
    ['kind', { ...good, fields: [{ ...temp, kind: 'text' }] }, /kind "text"/],
    ['counts', { ...good, fields: [{ ...temp, counts: [1] }] }, /1 counts for 256 bins/],
    ['edges', { ...good, fields: [{ ...temp, edges: [2, 1], counts: [1, 1, 1] }] }, /do not ascend/],
  ])('%s', (_, message, expected) => {
    const problem = baselineProblem(drift.Baseline.fromPartial(message));
    if (expected === null) expect(problem).toBeNull();
    else expect(problem).toMatch(expected);
  });
});
