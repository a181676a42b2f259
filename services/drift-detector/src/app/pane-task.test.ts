import { drift, serving, topics } from '@everloop/contracts';
import { baseline, hour, inference, monitor } from '@everloop/drift/fixtures';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createLogger, createMetrics } from '@everloop/service';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BaselineStore } from '../ports.ts';
import { createTelemetry } from '../telemetry.ts';
import { createPaneTask } from './pane-task.ts';
import { createPlanner } from './planner.ts';
import { createReferences } from './references.ts';
import { createWindowTask } from './window-task.ts';

const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('drift-detector'));
const reference = baseline();
const baselines: BaselineStore = { get: async (_, version) => (version === '1' ? reference : null) };
const references = createReferences({ baselines, histories: { get: async () => null }, phasesMax: 1 });

/** A prediction of an hour, or the watermark at the end of one. */
type Step = { readonly row: number } | { readonly passed: number };
type Out = { readonly pane: drift.Pane } | { readonly watermarkMs: number };

function record(topic: string, value: Uint8Array, offset: number): BusRecord {
  const bytes = Buffer.from(value);
  return { topic, partition: 1, offset: BigInt(offset), key: null, value: bytes, headers: {}, timestampMs: 0 };
}

/** What stage 1 writes of steps, committed after each of which `isLast` says so. */
async function paned(steps: readonly Step[], isLast: (i: number) => boolean) {
  const out: Out[] = [];
  const ids: string[] = [];
  const context: TaskContext = {
    ...{ partition: 1, replaying: false },
    emit({ value, headers }: OutRecord) {
      out.push({ pane: drift.Pane.decode(Buffer.from(value ?? '')) });
      ids.push(headers?.['ce_id'] ?? '');
    },
    emitWatermark: (_, watermarkMs) => void out.push({ watermarkMs }),
  };
  const task = createPaneTask({ baselines, telemetry, unitOf: () => undefined });
  for (const [i, step] of steps.entries()) {
    if ('passed' in step) await task.onWatermark?.(step.passed * hour, context);
    else {
      const row = inference(`${i}`, { eventTimeMs: step.row * hour + i, temp: 0.5, carrier: 'a', score: 0.5 });
      const records = [record(topics.inferenceServed, serving.Inference.encode(row).finish(), i)];
      await task.onRecords({ topic: topics.inferenceServed, partition: 1, records }, context);
    }
    if (isLast(i)) await task.flush?.(context);
  }
  await task.flush?.(context);
  return { out, ids };
}

/** The reports of hourly windows on what stage 1 wrote. */
async function reported(out: readonly Out[], allowedLatenessMs: number): Promise<readonly unknown[]> {
  const reports: unknown[] = [];
  const context: TaskContext = {
    ...{ partition: 0, replaying: false },
    emit({ topic, value }) {
      if (topic === topics.driftReport) reports.push(JSON.parse(String(value)));
    },
    emitWatermark: () => undefined,
  };
  const watch = monitor({ windowMs: hour, minRows: 1, allowedLatenessMs });
  const task = createWindowTask({
    references,
    planner: createPlanner(baselines, { get: async () => null }),
    telemetry,
    monitors: () => [watch],
  });
  for (const [i, one] of out.entries()) {
    if ('watermarkMs' in one) await task.onWatermark?.(one.watermarkMs, context);
    else {
      const records = [record(topics.driftPane, drift.Pane.encode(one.pane).finish(), i)];
      await task.onRecords({ topic: topics.driftPane, partition: 0, records }, context);
    }
  }
  return reports;
}

const short = (out: readonly Out[]) =>
  out.map((one) =>
    'pane' in one ? `${one.pane.rows} rows of hour ${one.pane.startMs / hour}` : `until ${one.watermarkMs / hour}`,
  );

describe('what is gathered in a batch', () => {
  test('rows of an hour are one pane over the markers between them, and the markers follow', async () => {
    const { out } = await paned([{ row: 3 }, { passed: 1 }, { row: 3 }, { passed: 2 }, { row: 3 }], () => false);
    expect(short(out)).toEqual(['3 rows of hour 3', 'until 1', 'until 2']);
  });

  test('rows that are late stay behind the marker that says so', async () => {
    const { out, ids } = await paned(
      [{ row: 1 }, { passed: 2 }, { row: 2 }, { row: 1 }, { passed: 3 }, { row: 4 }],
      () => false,
    );
    expect(short(out)).toEqual([
      ...['1 rows of hour 1', '1 rows of hour 2', 'until 2'],
      ...['1 rows of hour 4', '1 rows of hour 1', 'until 3'],
    ]);
    expect(new Set(ids).size).toBe(4);
  });

  test('rows of many hours at once are panes of their own, each row once', async () => {
    const hours = Array.from({ length: 50 }, (_, i) => i);
    const { out, ids } = await paned(
      [...hours, ...hours].map((row) => ({ row })),
      () => false,
    );
    const counted = hours.map((at) =>
      out.reduce((sum, one) => sum + ('pane' in one && one.pane.startMs === at * hour ? one.pane.rows : 0), 0),
    );
    expect(counted).toEqual(hours.map(() => 2));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('reports are the same however the log is divided into batches', async () => {
    const step = fc.oneof(
      fc.record({ row: fc.nat(6) }),
      fc.record({ row: fc.nat(6) }),
      fc.record({ passed: fc.nat(7) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        fc.constantFrom(0, hour / 2, hour),
        async (all, ends, latenessMs) => {
          // A tracker tells of a watermark only when it moves.
          let reached = 0;
          const steps = all.filter((one) => {
            if (!('passed' in one)) return true;
            const moved = one.passed > reached;
            reached = Math.max(reached, one.passed);
            return moved;
          });
          const one = await paned([...steps, { passed: 9 }], () => true);
          const other = await paned([...steps, { passed: 9 }], (i) => ends[i] === true);
          expect(await reported(other.out, latenessMs)).toEqual(await reported(one.out, latenessMs));
        },
      ),
      { numRuns: 60 },
    );
  });
});
