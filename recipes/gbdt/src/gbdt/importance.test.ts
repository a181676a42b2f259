import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { binNumeric } from './binned.ts';
import { gainShares } from './importance.ts';
import { resolveParameters } from './parameters.ts';
import { trainGbdt } from './train.ts';

const rows = 60;
const random = seededRandom(7);
const columns = Array.from({ length: 3 }, () => Array.from({ length: rows }, () => Math.floor(random() * 4)));
/** The second column matters most, the first a little, the third not at all. */
const labels = Uint8Array.from({ length: rows }, (_, row) =>
  random() < 0.1 + 0.2 * (columns[1]?.[row] ?? 0) + 0.07 * (columns[0]?.[row] ?? 0) ? 1 : 0,
);
const rounds = 6;
const learningRate = 0.5;

/** Stumps one after the other, all splits tried from the derivatives themselves: gain by column. */
function gainsByHand(): readonly number[] {
  const gains = [0, 0, 0];
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const margins = new Float64Array(rows).fill(Math.log((positives + 1) / (rows - positives + 1)));
  const sums = (of: (row: number) => boolean) => {
    let [g, h] = [0, 0];
    for (let row = 0; row < rows; row += 1) {
      if (!of(row)) continue;
      const score = 1 / (1 + Math.exp(-(margins[row] ?? 0)));
      g += score - (labels[row] ?? 0);
      h += score * (1 - score);
    }
    return { g, h, gain: (g * g) / (h + 1) };
  };
  for (let round = 0; round < rounds; round += 1) {
    let best = { gain: 0, column: 0, cut: 0 };
    for (const [column, values] of columns.entries())
      for (const cut of [0, 1, 2]) {
        const gain =
          sums((row) => (values[row] ?? 0) <= cut).gain +
          sums((row) => (values[row] ?? 0) > cut).gain -
          sums(() => true).gain;
        if (gain > best.gain) best = { gain, column, cut };
      }
    gains[best.column] = (gains[best.column] ?? 0) + best.gain;
    const values = columns[best.column] ?? [];
    const [left, right] = [sums((row) => (values[row] ?? 0) <= best.cut), sums((row) => (values[row] ?? 0) > best.cut)];
    values.forEach((value, row) => {
      const { g, h } = value <= best.cut ? left : right;
      margins[row] = (margins[row] ?? 0) - (learningRate * g) / (h + 1);
    });
  }
  return gains;
}

describe('what columns mean to an ensemble', () => {
  const options = { leaves: 2, minLeafRows: 1, rowFraction: 1, featureFraction: 1, learningRate, rounds };
  const { ensemble } = trainGbdt({
    columns: columns.map((values) => binNumeric(Float32Array.from([0, 1, 2]), Float32Array.from(values))),
    labels,
    fitRows: Int32Array.from({ length: rows }, (_, row) => row),
    validationRows: new Int32Array(),
    parameters: resolveParameters(options),
    seed: 1,
  });

  it('is the share of the gain of all splits, as stumps tried one by one have it', () => {
    const gains = gainsByHand();
    const total = gains.reduce((sum, gain) => sum + gain, 0);
    const shares = gainShares(ensemble, 3);
    expect(gains.filter((gain) => gain > 0).length).toBeGreaterThan(1);
    // Derivatives are rounded to integers in training, about 1e-6 of them.
    gains.forEach((gain, column) => expect(shares[column]).toBeCloseTo(gain / total, 4));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(shares[1]).toBeGreaterThan(shares[2] ?? 1);
  });

  it('is nothing where nothing was learned', () => {
    expect([...gainShares({ trees: [] }, 2)]).toEqual([0, 0]);
  });
});
