import { blockResampler, chiSquareQuantile, randomIndex } from '@everloop/stats';
import { calm, debounce, drifted, type DebounceRule } from './debounce.ts';

/** Simulated periods, and windows of all of them together, at most. */
export const runsMax = 200;
const stepsMax = 500_000;

/** Sequences of windows, as places in the history. */
export interface Runs {
  readonly sequences: readonly Uint32Array[];
  /** A uniform number in [0, 1) for each window of each sequence. */
  readonly chances: readonly Float32Array[];
}

export interface RunOptions {
  /** Windows of the history. */
  readonly windows: number;
  /** Windows of a simulated period. */
  readonly length: number;
  /** Windows that are drawn together, so that what hangs together stays so: a day, in order. */
  readonly perCycle: number;
  /** Cycles of a block, on average. */
  readonly blockCycles: number;
  readonly seed: number;
}

/**
 * Draws periods from a history by the stationary bootstrap (Politis and Romano 1994) of its cycles: days of hourly windows, so that each hour
 * stays where it was in the day; single windows where they last a day or longer. At most `runsMax` runs and 500,000 windows in all, 8 bytes
 * each. O(runs × length).
 */
export function drawRuns({ windows, length, perCycle, blockCycles, seed }: RunOptions): Runs {
  const count = Math.max(20, Math.min(runsMax, Math.floor(stepsMax / Math.max(1, length))));
  const cycles = Math.max(1, Math.floor(windows / perCycle));
  const draw = blockResampler({ rows: cycles, blockRows: blockCycles, seed });
  const random = randomIndex(seed ^ 0x5bd1e995);
  const places = new Uint32Array(Math.ceil(length / perCycle));
  const sequences = Array.from({ length: count }, () => {
    draw(places);
    return Uint32Array.from({ length }, (_, i) => {
      return ((places[Math.floor(i / perCycle)] ?? 0) * perCycle + (i % perCycle)) % Math.max(1, windows);
    });
  });
  const chances = sequences.map(() => Float32Array.from({ length }, () => random(2 ** 24) / 2 ** 24));
  return { sequences, chances };
}

/** Upper 95 % bound of a mean of Poisson counts of which `count` were seen in `exposure` (Garwood 1936). */
function poissonUpper(count: number, exposure: number): number {
  return chiSquareQuantile(0.95, 2 * (count + 1)) / 2 / exposure;
}

/** Mean of the runs, and its upper 95 % bound: Poisson's, or by the scatter of the runs where that is larger. */
function meanOf(counts: readonly number[]): { readonly mean: number; readonly upper: number } {
  const [runs, sum] = [counts.length, counts.reduce((a, b) => a + b, 0)];
  const mean = sum / runs;
  const variance = counts.reduce((total, count) => total + (count - mean) ** 2, 0) / Math.max(1, runs - 1);
  return { mean, upper: Math.max(poissonUpper(sum, runs), mean + 1.645 * Math.sqrt(variance / runs)) };
}

export interface FalseRetrainings {
  readonly mean: number;
  /**
   * Upper 95 % bound: in runs in which windows are drifted as often as the upper 95 % bound of what was seen in the history, so that
   * a short history, in which nothing happened, promises little.
   */
  readonly upper: number;
}

/** Requests in a period of windows of the history, of which `codes` says what each is. O(runs × length). */
export function falseRetrainings(codes: Uint8Array, runs: Runs, rule: DebounceRule): FalseRetrainings {
  const known = codes.reduce((sum, code) => sum + (code <= 2 ? 1 : 0), 0);
  const seen = codes.reduce((sum, code) => sum + (code === 1 || code === 2 ? 1 : 0), 0);
  const extra = known === 0 ? 1 : Math.min(1, poissonUpper(seen, known)) - seen / known;
  const [plain, bounded]: [number[], number[]] = [[], []];
  runs.sequences.forEach((sequence, run) => {
    const [chances, windows] = [runs.chances[run], new Uint8Array(sequence.length)];
    for (let i = 0; i < sequence.length; i += 1) windows[i] = codes[sequence[i] ?? 0] ?? 3;
    plain.push(debounce(windows, rule).requests);
    for (let i = 0; i < windows.length; i += 1) {
      if (windows[i] === calm && (chances?.[i] ?? 1) < extra) windows[i] = drifted;
    }
    bounded.push(debounce(windows, rule).requests);
  });
  return { mean: meanOf(plain).mean, upper: meanOf(bounded).upper };
}
