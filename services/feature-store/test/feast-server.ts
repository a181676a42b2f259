import { compileFromCatalog, encodeRow, newRow, applyEvent, rowKeys, viewEvent, type Mget } from '@everloop/features';
import type { features } from '@everloop/contracts';

import { createFeastCalls, type FeastCalls } from '../src/app/feast-calls.ts';
import { createOnlineCalls } from '../src/app/online-calls.ts';
import type { PushCalls } from '../src/app/push-calls.ts';
import { topologyOf } from '../src/domain/topology.ts';
import { driverResources } from './drivers.ts';
import { errors } from '../src/errors.ts';
import { silentTelemetry } from './fixtures.ts';

/** A driver's report, as it lies on the log. */
export interface DriverReport {
  readonly driver_id: number;
  readonly event_timestamp: number;
  readonly conv_rate?: number | null;
  readonly avg_daily_trips?: number;
  readonly on_duty?: boolean;
  readonly name?: string;
}

/** 2022-05-13T11:00:00Z */
export const nowMs = Date.UTC(2022, 4, 13, 11);

/** The Feast calls over online rows in memory, with a push that is only noted. */
export function feastOver(
  reports: readonly DriverReport[],
  isBehind: () => boolean = () => false,
): {
  readonly calls: FeastCalls;
  readonly pushed: features.PushRequest[];
  readonly materialised: features.MaterializeRequest[];
  /** Views of which it was asked whether the stream has brought all. */
  readonly covered: string[];
  /** Lets a materialisation end. */
  readonly release: () => void;
  readonly failures: unknown[];
} {
  const topology = topologyOf(driverResources('t'));
  const stored = new Map<string, Buffer>();
  for (const name of ['driver_hourly_stats', 'driver_day']) {
    const view = compileFromCatalog(name, topology.catalog);
    const rows = new Map<string, ReturnType<typeof newRow>>();
    reports.forEach((report, offset) => {
      const event = viewEvent(view, { ...report }, { offset, recordedMs: report.event_timestamp });
      const [key = ''] = rowKeys(view, report.driver_id);
      const row = rows.get(key) ?? newRow(view);
      rows.set(key, row);
      if (event !== null) applyEvent(view, row, event);
    });
    for (const [key, row] of rows) stored.set(key, encodeRow(view, row));
  }
  const mget: Mget = async (keys) => keys.map((key) => stored.get(key) ?? null);
  const pushed: features.PushRequest[] = [];
  const materialised: features.MaterializeRequest[] = [];
  const covered: string[] = [];
  const failures: unknown[] = [];
  let release = (): void => undefined;
  const push: PushCalls = {
    async push(request) {
      pushed.push(request);
      const results = request.recordsJson.map((text): features.PushResult => {
        const reasons = text.includes('"conv_rate":7') ? ['max conv_rate: above 1'] : [];
        return { outcome: 'PUSH_OUTCOME_APPLIED', partition: 0, offset: 1, reasons };
      });
      return { topic: 't', results };
    },
    materialize: (request) => {
      materialised.push(request);
      return new Promise((resolve) => {
        release = () => resolve({ rows: 1, records: 1, partitions: [] });
        if (request.views.length === 1) release();
      });
    },
  };
  const online = createOnlineCalls({
    topology: () => topology,
    mget,
    watermarkMs: () => null,
    nowMs: () => nowMs,
    telemetry: silentTelemetry,
  });
  const calls = createFeastCalls({
    topology: () => topology,
    online,
    push,
    waitMs: 10,
    covered: async (names) => {
      covered.push(...names);
      if (isBehind()) throw errors.streamBehind('t', 0, 5, 9);
    },
    failed: (error) => failures.push(error),
  });
  return { calls, pushed, materialised, covered, release: () => release(), failures };
}
