import { drift, monitorDefaults, serving, type MonitorSpec } from '@everloop/contracts';
import { buildFieldReference } from '@everloop/stats';
import { prepareBaseline, type Baseline } from '../src/panes/baseline.ts';
import type { NamedMonitor } from '../src/windows/state.ts';

export const hour = 3_600_000;
export const day = 24 * hour;

/** Uniform numbers in [0, 1) that every run repeats: Lehmer's generator (Park and Miller 1988). */
export function uniforms(seed: number): () => number {
  let state = seed % 2_147_483_647 || 1;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export interface RowOptions {
  readonly eventTimeMs: number;
  readonly version?: string;
  readonly champion?: string;
  readonly temp: number | null;
  readonly carrier: string;
  readonly score: number;
}

export function inference(id: string, row: RowOptions): serving.Inference {
  const temp: serving.FeatureValue =
    row.temp === null ? { kind: { $case: 'missing', value: true } } : { kind: { $case: 'number', value: row.temp } };
  return serving.Inference.fromPartial({
    decisionId: id,
    model: 'm',
    modelVersion: row.version ?? '1',
    championVersion: row.champion ?? '1',
    arm: 'champion',
    joinKey: id,
    eventTimeMs: row.eventTimeMs,
    inputNames: ['temp', 'carrier'],
    inputValues: [temp, { kind: { $case: 'text', value: row.carrier } }],
    score: row.score,
  });
}

/** `n` predictions spread over a day; `shift` moves the temperature, in units of its range. */
export function dayOfRows(
  seed: number,
  startMs: number,
  n: number,
  shift: number,
  champion = '1',
): readonly serving.Inference[] {
  return rowsOver(day, seed, startMs, n, { shift, champion });
}

/** `n` predictions spread over an hour. */
export function hourOfRows(seed: number, startMs: number, n: number, shift: number): readonly serving.Inference[] {
  return rowsOver(hour, seed, startMs, n, { shift, champion: '1' });
}

function rowsOver(
  spanMs: number,
  seed: number,
  startMs: number,
  n: number,
  { shift, champion }: { readonly shift: number; readonly champion: string },
): readonly serving.Inference[] {
  const next = uniforms(seed);
  return Array.from({ length: n }, (_, i) =>
    inference(`${seed}-${i}`, {
      eventTimeMs: startMs + Math.floor((i * spanMs) / n),
      champion,
      version: champion,
      temp: next() + shift,
      carrier: 'abc'.charAt(Math.floor(next() * 3)),
      score: next(),
    }),
  );
}

export function baselineMessage(version: string): drift.Baseline {
  const next = uniforms(4711);
  const rows = Array.from({ length: 5000 }, () => [next(), 'abc'.charAt(Math.floor(next() * 3)), next()] as const);
  const fields = [
    buildFieldReference(
      'numeric',
      'temp',
      rows.map(([temp]) => temp),
    ),
    buildFieldReference(
      'categorical',
      'carrier',
      rows.map(([, carrier]) => carrier),
    ),
    buildFieldReference(
      'numeric',
      'score',
      rows.map(([, , score]) => score),
    ),
  ];
  return drift.Baseline.fromPartial({ model: 'm', modelVersion: version, fields, rows: rows.length });
}

export function baseline(version = '1'): Baseline {
  return prepareBaseline(baselineMessage(version));
}

export function monitor(spec: Partial<MonitorSpec> = {}, name = 'watch'): NamedMonitor {
  return {
    name,
    revision: 1,
    spec: {
      ...monitorDefaults,
      model: 'm',
      coolDownMs: 10 * day,
      ...spec,
    },
  };
}
