import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pythonRequirements, pythonVenv } from '@everloop/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  Adwin,
  chiSquareTwoSample,
  falseDiscoveryAdjusted,
  gTwoSample,
  ksPValueFinite,
  ksTwoSample,
  Kswin,
  PageHinkley,
  randomIndex,
  wasserstein1,
} from '../src/index.ts';

const script = fileURLToPath(new URL('../../testing/python/drift-statistics.py', import.meta.url));
const tolerance = 1e-9;

function uniforms(seed: number): () => number {
  const random = randomIndex(seed);
  return () => random(2 ** 32) / 2 ** 32;
}

function bells(seed: number): () => number {
  const next = uniforms(seed);
  return () => Array.from({ length: 12 }, next).reduce((a, b) => a + b) - 6;
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** Sizes with and without a common divisor, ties, shifts and scales. */
const samples = times(60, (seed): readonly [readonly number[], readonly number[]] => {
  const next = bells(seed + 1);
  const [n, m] = [5 + ((seed * 37) % 400), 3 + ((seed * 91) % 300)];
  const grid = (x: number): number => (seed % 3 === 0 ? Math.floor(4 * x) / 4 : x);
  return [times(n, () => grid(next())), times(m, () => grid(next() * (1 + (seed % 4) / 3) + (seed % 5) / 5))];
});

const counts = times(40, (seed): readonly [readonly number[], readonly number[]] => {
  const next = uniforms(seed + 1);
  const row = (): number[] => times(2 + (seed % 9), () => Math.floor(next() * next() * 200) + (seed % 2));
  return [row(), row()];
}).filter(
  ([a, b]) => a.some((x) => x > 0) && b.some((x) => x > 0) && a.filter((x, i) => x + (b[i] ?? 0) > 0).length > 1,
);

const discoveries = times(20, (seed) => {
  const next = uniforms(seed + 1);
  return times(1 + seed * 3, () => next() ** (1 + (seed % 4)));
});

function stream(seed: number): readonly number[] {
  const next = bells(seed);
  return [...times(700, next), ...times(900, () => next() * (1 + (seed % 3)) + (seed % 4) / 2), ...times(400, next)];
}

const adwin = times(12, (i) => ({
  values: stream(i + 1),
  ...{ delta: [0.002, 0.05, 0.3][i % 3] ?? 0.1, clock: [32, 1, 7][i % 3] ?? 1, bucketsMax: 3 + (i % 4) },
  ...{ sideMin: 3 + (i % 5), graceRows: 5 + 4 * (i % 3) },
}));

const pageHinkley = times(12, (i) => ({
  values: stream(i + 50),
  ...{ delta: 0.005 * (i % 3), threshold: 10 + 8 * i, alpha: i % 2 === 0 ? 0.9999 : 0.99, rowsMin: 10 + i },
  direction: (['both', 'up', 'down'] as const)[i % 3] ?? 'both',
}));

const kswin = times(6, (i) => {
  const [windowRows, testRows] = [60 + 20 * i, 20 + 5 * i];
  const random = randomIndex(i + 1);
  const places = times(50, () => {
    const all = times(windowRows - testRows, (place) => place);
    return times(testRows, () => all.splice(random(all.length), 1)[0] ?? 0);
  });
  return { values: stream(i + 90), alpha: [0.005, 0.0005][i % 2] ?? 0.001, windowRows, testRows, places };
});

interface Answer {
  readonly samples: readonly Readonly<Record<'statistic' | 'exact' | 'finite' | 'wasserstein', number>>[];
  readonly counts: readonly Readonly<Record<'chi2' | 'g', readonly [number, number]>>[];
  readonly discoveries: readonly Readonly<Record<'bh' | 'by', readonly number[]>>[];
  readonly adwin: readonly (readonly number[])[];
  readonly pageHinkley: readonly (readonly number[])[];
  readonly kswin: readonly (readonly number[])[];
}

let theirs: Answer;

beforeAll(async () => {
  const python = await pythonVenv('drift', pythonRequirements('drift'));
  const input = JSON.stringify({ samples, counts, discoveries, adwin, pageHinkley, kswin });
  const run = spawnSync(python, [script], { input, encoding: 'utf8', maxBuffer: 16_777_216 });
  expect(run.status, run.stderr).toBe(0);
  theirs = JSON.parse(run.stdout) as Answer;
});

function expectClose(actual: number, expected: number | undefined): void {
  expect(expected).toBeDefined();
  expect(Math.abs(actual - (expected ?? 0))).toBeLessThanOrEqual(
    tolerance * Math.max(1e-3, Math.min(1, expected ?? 0)),
  );
}

function alarms(detector: { add(value: number): boolean }, values: readonly number[]): readonly number[] {
  return values.flatMap((value, i) => (detector.add(value) ? [i] : []));
}

describe('SciPy', () => {
  test('two-sample Kolmogorov-Smirnov, exact and asymptotic, and Wasserstein-1', () => {
    samples.forEach(([a, b], i) => {
      const result = ksTwoSample(a, b, { exactStepsMax: Infinity });
      expectClose(result.statistic, theirs.samples[i]?.statistic);
      expectClose(result.pValue, theirs.samples[i]?.exact);
      expectClose(ksPValueFinite(result.statistic, a.length, b.length), theirs.samples[i]?.finite);
      expectClose(wasserstein1(a, b), theirs.samples[i]?.wasserstein);
    });
  });

  test('χ² and G of two rows of counts', () => {
    expect(counts.length).toBeGreaterThan(30);
    counts.forEach(([a, b], i) => {
      const [chi2, g] = [chiSquareTwoSample(a, b), gTwoSample(a, b)];
      expectClose(chi2.statistic, theirs.counts[i]?.chi2[0]);
      expectClose(chi2.pValue, theirs.counts[i]?.chi2[1]);
      expectClose(g.statistic, theirs.counts[i]?.g[0]);
      expectClose(g.pValue, theirs.counts[i]?.g[1]);
    });
  });

  test('false_discovery_control', () => {
    discoveries.forEach((ps, i) => {
      falseDiscoveryAdjusted(ps).forEach((q, at) => {
        expectClose(q, theirs.discoveries[i]?.bh[at]);
      });
      falseDiscoveryAdjusted(ps, { dependence: 'any' }).forEach((q, at) => {
        expectClose(q, theirs.discoveries[i]?.by[at]);
      });
    });
  });
});

describe('River', () => {
  test('ADWIN', () => {
    const ours = adwin.map(({ values, ...options }) =>
      alarms(new Adwin({ ...options, afterChange: 'restart' }), values),
    );
    expect(ours).toEqual(theirs.adwin);
    expect(ours.flat().length).toBeGreaterThan(12);
  });

  test('Page-Hinkley', () => {
    const ours = pageHinkley.map(({ values, ...options }) => alarms(new PageHinkley(options), values));
    expect(ours).toEqual(theirs.pageHinkley);
    expect(ours.flat().length).toBeGreaterThan(12);
  });

  test('KSWIN, given the same places', () => {
    const ours = kswin.map(({ values, places, ...options }) => {
      let at = 0;
      const detector = new Kswin({
        ...options,
        keeps: 'none',
        draw: (_below, _count, into) => {
          into.set(places[at % places.length] ?? []);
          at += 1;
        },
      });
      return alarms(detector, values);
    });
    expect(ours).toEqual(theirs.kswin);
    expect(ours.flat().length).toBeGreaterThan(5);
  });
});
