import type { Dataset } from '../src/dataset.ts';
import { seededRandom } from '../src/random.ts';

export interface Synthetic {
  readonly dataset: Dataset;
  /** The probability that each label was drawn with: no model can rank better. */
  readonly truth: Float64Array;
}

const carriers = ['AA', 'B6', 'DL', 'EV', 'UA', 'WN', 'é✈'];
const effects = [0.5, -1, 0.2, 1.5, -0.4, 0, -2];
const hourMs = 3_600_000;

/** Rows with numbers (one of them often missing, and missing means something), a useful and a useless category. */
export function synthetic(rows: number, seed: number): Synthetic {
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const a = Float32Array.from({ length: rows }, normal);
  const b = Float32Array.from({ length: rows }, normal);
  const c = Float32Array.from({ length: rows }, () => (random() < 0.2 ? NaN : normal()));
  const constant = new Float32Array(rows).fill(7);
  const carrier = Array.from({ length: rows }, () => Math.floor(random() * random() * carriers.length));
  const tail = Array.from({ length: rows }, () => (random() < 0.1 ? '' : `N${Math.floor(random() * 400)}`));
  const truth = Float64Array.from({ length: rows }, (_, row) => {
    const missing = Number.isNaN(c[row] ?? NaN) ? 1 : Math.max(0, c[row] ?? 0);
    const z =
      (a[row] ?? 0) * (b[row] ?? 0) + Math.sin(2 * (a[row] ?? 0)) + missing + (effects[carrier[row] ?? 0] ?? 0) - 0.7;
    return 1 / (1 + Math.exp(-1.2 * z));
  });
  return {
    truth,
    dataset: {
      rows,
      columns: [
        { name: 'a', type: 'number', values: a },
        { name: 'b', type: 'number', values: b },
        { name: 'c', type: 'number', values: c },
        { name: 'constant', type: 'number', values: constant },
        { name: 'carrier', type: 'category', values: carrier.map((index) => carriers[index] ?? '') },
        { name: 'tail', type: 'category', values: tail },
      ],
      groups: null,
      joinKeys: Array.from({ length: rows }, (_, row) => `row-${row}`),
      // A row every six minutes: 240 a day.
      timesMs: Float64Array.from({ length: rows }, (_, row) => (row * hourMs) / 10),
      labels: Uint8Array.from(truth, (probability) => (random() < probability ? 1 : 0)),
    },
  };
}

/** Split of `synthetic(rows)`: the last fifth is the time holdout, 10 % the fixed one. */
export function splitFor(rows: number) {
  const untilMs = (rows * hourMs) / 10;
  return {
    train: { fromMs: 0, untilMs: untilMs * 0.8 },
    timeHoldout: { fromMs: untilMs * 0.8, untilMs },
    fixedHoldoutPercent: 10,
    fixedHoldoutSalt: 'test',
  };
}
