import { drift, registry, topics, type MonitorSpec } from '@everloop/contracts';
import { createWindowState, closeWindows, takePane, type DueWindow } from '@everloop/drift';
import { day, hour, monitor } from '@everloop/drift/fixtures';
import { baselineMessageOf, simulatedPanes } from '@everloop/drift/simulated';
import type { BusRecord, OutRecord } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createRegistryBaselines } from '../adapters/registry-baselines.ts';
import { createRegistryHistories } from '../adapters/registry-histories.ts';
import { createTelemetry } from '../telemetry.ts';
import { cacheBaselines } from './cached-baselines.ts';
import { createPlanner } from './planner.ts';
import { createReferences, type References } from './references.ts';
import { createWindowTask } from './window-task.ts';

const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('drift-detector'));
const planner = createPlanner({ get: async () => null }, { get: async () => null });
const { DRIFTED, STABLE, INSUFFICIENT } = drift.DriftVerdict;
const seasonal = (h: number): number => (h % 24 < 12 ? 0.35 : 0.65);
const training = simulatedPanes({ hours: 14 * 24, rows: 100, seed: 1, low: seasonal });

interface Given {
  /** Bytes of history.pb; null: there is none. */
  readonly history?: Buffer | null;
  readonly sizeBytes?: number;
  readonly phasesMax?: number;
}

/** References out of a registry and an object store; `read` counts how often an artifact was. */
function referencesOf(given: Given = {}): { readonly references: References; readonly read: readonly string[] } {
  const stored = Buffer.from(drift.History.encode({ panes: training }).finish());
  const { history = stored, sizeBytes = 1, phasesMax = 4 } = given;
  const read: string[] = [];
  const client = {
    getVersion: async ({ version }: registry.GetVersionRequest): Promise<registry.GetVersionResponse> => ({
      version: registry.ModelVersion.fromPartial({
        version,
        artifacts: ['baseline.json', ...(history === null ? [] : ['history.pb'])].map((name) => {
          return { name, digest: `${version}/${name}`, sizeBytes };
        }),
      }),
    }),
  };
  const objects = {
    get: async (digest: string): Promise<Buffer> => {
      read.push(digest);
      if (digest.endsWith('history.pb')) return history ?? Buffer.alloc(0);
      // As recipes write it: the registry has not numbered the version yet.
      return Buffer.from(JSON.stringify(drift.Baseline.toJSON({ ...baselineMessageOf(training), modelVersion: '' })));
    },
  };
  const baselines = cacheBaselines(createRegistryBaselines(client, objects, telemetry), 4);
  const histories = createRegistryHistories(client, objects, telemetry);
  return { references: createReferences({ baselines, histories, phasesMax }), read };
}

async function reportsOf(
  spec: Partial<MonitorSpec>,
  low: (h: number) => number,
  { references }: Pick<ReturnType<typeof referencesOf>, 'references'> = referencesOf(),
): Promise<readonly drift.DriftReport[]> {
  const watch = monitor({ windowMs: 6 * hour, minRows: 100, ...spec });
  const task = createWindowTask({ references, planner, telemetry, monitors: () => [watch] });
  const out: OutRecord[] = [];
  const context = {
    ...{ partition: 0, replaying: false, emit: (record: OutRecord) => void out.push(record) },
    emitWatermark: () => undefined,
  };
  const panes = simulatedPanes({ hours: 48, rows: 100, seed: 2, low });
  const records = panes.map((pane, i): BusRecord => {
    const value = Buffer.from(drift.Pane.encode(pane).finish());
    return { topic: topics.driftPane, partition: 0, offset: BigInt(i), key: null, value, headers: {}, timestampMs: 0 };
  });
  await task.onRecords({ topic: topics.driftPane, partition: 0, records }, context);
  await task.onWatermark?.(2 * day, context);
  return out
    .filter(({ topic }) => topic === topics.driftReport)
    .map(({ value }) => drift.DriftReport.fromJSON(JSON.parse(String(value))));
}

function windowAt(startMs: number, phase: MonitorSpec['reference']['phase'], version = '1'): DueWindow {
  const watch = monitor({ windowMs: 6 * hour, reference: { phase } });
  const state = createWindowState();
  takePane(state, [watch], drift.Pane.fromPartial({ model: 'm', baselineVersion: version, startMs, rows: 1 }));
  const [window] = closeWindows(state, [watch], Infinity);
  if (window === undefined) throw new Error('no window');
  return window;
}

describe('a Monitor with windows of six hours over a daily season', () => {
  test('finds drift in each of them by all training rows, and none by those of the same hours', async () => {
    const verdicts = async (phase: 'none' | 'hour'): Promise<readonly drift.DriftVerdict[]> =>
      (await reportsOf({ reference: { phase } }, seasonal)).map(({ verdict }) => verdict);
    expect(await verdicts('none')).toEqual(Array.from({ length: 8 }, () => DRIFTED));
    expect(await verdicts('hour')).toEqual(Array.from({ length: 8 }, () => STABLE));
  });

  test('still finds what is no season, and says what it was compared with', async () => {
    const reports = await reportsOf({ reference: { phase: 'hour' } }, (h) => seasonal(h) + 0.2);
    expect(reports.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 8 }, () => DRIFTED));
    expect(reports.map(({ referencePhase, referenceRows }) => [referencePhase, referenceRows])).toEqual(
      [0, 1].flatMap(() => ['hours 0-5', 'hours 6-11', 'hours 12-17', 'hours 18-23'].map((one) => [one, 8_400])),
    );
  });

  test.each<[string, Given, string]>([
    ['no history', { history: null }, 'version 1 has no history of its training rows, so no reference of hours 0-5'],
    ['bytes that are none', { history: Buffer.from([10, 200]) }, 'version 1 has no history'],
    [
      'one on other bins',
      {
        history: Buffer.from(
          drift.History.encode({
            panes: [
              drift.Pane.fromPartial({ rows: 1, fields: [{ field: 'f0', bins: [99], counts: [1], missing: 0 }] }),
            ],
          }).finish(),
        ),
      },
      'version 1 has no history',
    ],
  ])('%s: its windows are not judged, and say why', async (_, given, reason) => {
    const [first] = await reportsOf({ reference: { phase: 'hour' } }, seasonal, referencesOf(given));
    expect(first).toMatchObject({ verdict: INSUFFICIENT, referencePhase: 'hours 0-5', referenceRows: 0 });
    expect(first?.reason).toContain(reason);
  });
});

describe('histories', () => {
  test('are read once for a version and phase, and only where windows need them', async () => {
    const { references, read } = referencesOf({ phasesMax: 1 });
    for (const startMs of [0, 6 * hour, 12 * hour]) await references.of(windowAt(startMs, 'none'));
    expect(read).toEqual(['1/baseline.json']);
    for (const startMs of [0, 6 * hour, day]) await references.of(windowAt(startMs, 'hour'));
    expect(read).toEqual(['1/baseline.json', '1/history.pb']);
    await references.of(windowAt(0, 'hour', '2'));
    await references.of(windowAt(0, 'hour', '1'));
    expect(read.slice(2)).toEqual(['2/baseline.json', '2/history.pb', '1/history.pb']);
  });

  test('and baselines that are too large are not read', async () => {
    const { references, read } = referencesOf({ sizeBytes: 65 * 2 ** 20 });
    expect(await references.of(windowAt(0, 'hour'))).toBeNull();
    expect(read).toEqual([]);
  });
});
