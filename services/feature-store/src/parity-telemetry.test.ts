import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, it } from 'vitest';

import type { ParityItem } from './domain/parity-queue.ts';
import type { ParityVerdict } from './domain/parity-verdict.ts';
import { createParityTelemetry } from './parity-telemetry.ts';

const item: ParityItem = {
  partition: 3,
  offset: 17n,
  servedAtMs: 5,
  inference: {
    decisionId: 'd1',
    model: 'delay',
    joinKey: 'k',
    eventTimeMs: 0,
    inputNames: [],
    inputValues: [],
    requestNames: [],
    requestValues: [],
    latencyUs: 0,
    featuresUnreachable: false,
  },
};

const same: ParityVerdict = { values: 2, differences: [], late: [], undecided: [] };

function collecting() {
  const lines: unknown[] = [];
  const logger = createLogger({ service: 'test', level: 'silent' });
  const take = (fields: unknown): void => void lines.push(fields);
  const metrics = createMetrics('feature-store');
  return { lines, metrics, telemetry: createParityTelemetry({ ...logger, error: take, warn: take }, metrics) };
}

describe('telemetry of parity', () => {
  it('logs a line per difference, with both values and where the prediction lies', async () => {
    const { lines, metrics, telemetry } = collecting();
    const served = { kind: { $case: 'number', value: 1 } } as const;
    telemetry.checked(item, { ...same, differences: [{ feature: 'temp', served, again: undefined }] });
    telemetry.checked(item, same);
    expect(lines).toEqual([
      {
        decisionId: 'd1',
        model: 'delay',
        feature: 'temp',
        served: '1',
        again: 'missing',
        joinKey: 'k',
        eventTime: '1970-01-01T00:00:00.000Z',
        partition: 3,
        offset: '17',
      },
    ]);
    const text = await metrics.text();
    expect(text).toMatch(/parity_checked_total\{[^}]*model="delay"[^}]*\} 2/);
    expect(text).toMatch(/parity_values_total\{[^}]*model="delay"[^}]*\} 4/);
    expect(text).toMatch(/parity_different_total\{[^}]*feature="temp"[^}]*\} 1/);
    expect(text).toMatch(/parity_ratio\{[^}]*model="delay"[^}]*\} 0.5/);
  });

  it('counts late and undecided values apart: the former are right, the latter count neither way', async () => {
    const { lines, metrics, telemetry } = collecting();
    const found = { feature: 'temp', served: undefined, again: undefined };
    const other = { ...item, inference: { ...item.inference, model: 'other' } };
    telemetry.checked(other, { ...same, late: [found] });
    telemetry.checked(other, { ...same, values: 1, undecided: [found] });
    expect(lines).toEqual([]);
    const text = await metrics.text();
    expect(text).toMatch(/parity_late_total\{[^}]*feature="temp"[^}]*\} 1/);
    expect(text).toMatch(/parity_undecided_total\{[^}]*feature="temp"[^}]*\} 1/);
    expect(text).toMatch(/parity_values_total\{[^}]*model="other"[^}]*\} 3/);
    expect(text).toMatch(/parity_ratio\{[^}]*model="other"[^}]*\} 1/);
  });

  it('says once why predictions are not compared, and counts them all', async () => {
    const { lines, metrics, telemetry } = collecting();
    telemetry.skipped('unknown', 2, 'delay: there is no such Model');
    telemetry.skipped('unknown', 3, 'delay: there is no such Model');
    telemetry.skipped('queue', 0);
    expect(lines).toHaveLength(1);
    expect(await metrics.text()).toMatch(/parity_skipped_total\{[^}]*reason="unknown"[^}]*\} 5/);
  });
});
