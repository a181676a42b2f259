import { serving, topics, type features } from '@everloop/contracts';
import type { Batch, BusRecord, SinkHandler } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import type { ParityItem } from '../domain/parity-queue.ts';
import { topologyOf } from '../domain/topology.ts';
import type { ParityVerdict } from '../parity-telemetry.ts';
import { ParityCheck, type ParityCheckOptions } from './parity-check.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const topology = topologyOf(tripResources('t'));

function record(offset: number, change: Partial<serving.Inference> = {}): BusRecord {
  const inference = serving.Inference.fromPartial({
    decisionId: `0000000${offset}`,
    model: 'late',
    joinKey: 'trip-1',
    eventTimeMs: 50,
    inputNames: ['miles', 'seats', 'made_up'],
    inputValues: [number(10), number(4), number(1)],
    ...change,
  });
  return {
    topic: topics.inferenceServed,
    partition: 0,
    offset: BigInt(offset),
    key: null,
    value: Buffer.from(serving.Inference.encode(inference).finish()),
    headers: {},
    timestampMs: 1_000,
  };
}

function world(options: Partial<ParityCheckOptions> = {}) {
  let handler: SinkHandler | undefined;
  const state = { landed: 0, end: 0n, between: 0, asked: [] as features.EntityRow[] };
  const checked: { readonly item: ParityItem; readonly verdict: ParityVerdict }[] = [];
  const skipped: string[] = [];
  const positions = new Map<number, bigint>();
  const check = new ParityCheck({
    bus: {
      sink(asked) {
        ({ handler } = asked);
        return { name: 'sink', start: () => Promise.resolve(), stop: () => Promise.resolve() };
      },
      offsets: () => Promise.resolve([{ partition: 0, low: 0n, high: state.end }]),
      async readRanges(_ranges, onRecords) {
        const records = Array.from({ length: state.between }, (_, offset) => record(offset));
        if (records.length > 0) await onRecords({ topic: 't', partition: 0, records });
      },
    },
    topology: () => topology,
    changedAtMs: () => 0,
    history: {
      landed: () => Promise.resolve(state.landed),
      pointInTime(plan, rows) {
        state.asked.push(...rows);
        return Promise.resolve(rows.map(() => ({ values: plan.names.map(() => number(4)), statuses: [] })));
      },
    },
    positions: {
      read: (partition) => Promise.resolve(positions.get(partition) ?? null),
      write: async (partition, nextOffset) => void positions.set(partition, nextOffset),
    },
    telemetry: {
      checked: (item, verdict) => checked.push({ item, verdict }),
      skipped: (reason, count) => (count === 0 ? undefined : skipped.push(`${reason} ${count}`)),
      waiting: () => undefined,
      roundFailed: () => undefined,
    },
    ...{ share: 1, everyMs: 1_000, batchMax: 10, queueMax: 100, redefinedMs: 0 },
    ...options,
  });
  async function give(...records: BusRecord[]): Promise<void> {
    const batch: Batch = { topic: topics.inferenceServed, partition: 0, records };
    await handler?.apply(batch, { nextOffset: (records.at(-1)?.offset ?? 0n) + 1n, watermarkMs: null });
  }
  return { check, state, checked, skipped, positions, give, position: () => handler?.position('served', 0) };
}

describe('the comparison of served values', () => {
  it('compares what comes from a view, and leaves out what the model does not have', async () => {
    const { check, checked, state, give } = world();
    await give(record(1), record(2, { inputValues: [number(10), number(5), number(1)] }));
    await check.round();
    expect(checked.map(({ verdict }) => verdict)).toEqual([
      { values: 1, differences: [] },
      { values: 1, differences: [{ feature: 'seats', served: number(5), again: number(4) }] },
    ]);
    expect(state.asked[0]?.asOfMs).toBe(50);
    expect(state.asked[0]?.request['miles']).toEqual(number(10));
  });

  it('waits until the history holds what was on the log, but not for marks of transactions', async () => {
    const { check, checked, state, give } = world();
    Object.assign(state, { end: 5n, landed: 3, between: 2 });
    await give(record(1));
    await check.round();
    expect(checked).toEqual([]);
    // What comes later need not be there.
    Object.assign(state, { end: 9n, landed: 4, between: 0 });
    await check.round();
    expect(checked).toHaveLength(1);
  });

  it('takes a bounded number per round, and keeps the position at the oldest that waits', async () => {
    const { check, checked, positions, give } = world({ batchMax: 2 });
    await give(record(1), record(2), record(3));
    await check.round();
    expect(checked).toHaveLength(2);
    expect(positions.get(0)).toBe(3n);
    await check.round();
    expect(positions.get(0)).toBe(4n);
  });

  it('counts what it cannot compare', async () => {
    const { check, checked, skipped, give } = world({ queueMax: 2, changedAtMs: () => 2_000 });
    await give(record(1), record(2, { model: 'gone' }), record(3));
    await check.round();
    expect(checked).toEqual([]);
    expect(skipped).toEqual(['queue 1', 'unknown 1', 'redefined 1']);
  });

  it('takes its share by decision id, and no record that is none', async () => {
    const { check, checked, give } = world({ share: 0.5 });
    const broken: BusRecord = { ...record(5), value: Buffer.from([10, 200]) };
    await give(record(1, { decisionId: '7fffffff' }), record(2, { decisionId: '80000000' }), broken);
    await check.round();
    expect(checked.map(({ item }) => item.offset)).toEqual([1n]);
  });

  it('begins anew where its position lies behind the end: another topic of the same name', async () => {
    const { positions, state, position } = world();
    expect(await position()).toBeNull();
    positions.set(0, 7n);
    state.end = 7n;
    expect(await position()).toBe(7n);
    state.end = 3n;
    expect(await position()).toBeNull();
  });
});
