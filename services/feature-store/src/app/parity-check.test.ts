import { serving, topics, type features } from '@everloop/contracts';
import type { Batch, BusRecord, SinkHandler } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import type { ParityItem } from '../domain/parity-queue.ts';
import type { ParityVerdict } from '../domain/parity-verdict.ts';
import { topologyOf } from '../domain/topology.ts';
import { ParityCheck, type ParityCheckOptions } from './parity-check.ts';

const number = (value: number): serving.FeatureValue => ({ kind: { $case: 'number', value } });
const four: (until: number | null) => number = () => 4;
const topology = topologyOf(tripResources('t'));

function record(offset: number, change: Partial<serving.Inference> = {}): BusRecord {
  const inference = serving.Inference.fromPartial({
    decisionId: `0000000${offset}`,
    model: 'late',
    joinKey: 'trip-1',
    eventTimeMs: 50,
    inputNames: ['miles', 'seats', 'made_up', 'origin'],
    inputValues: [number(10), number(4), number(1), { kind: { $case: 'text', value: 'o1' } }],
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
  const state = {
    ...{ landed: 0, end: 0n, between: 0, nowMs: 1_000 },
    /** What the validator has judged, and what lies in the source topics. */
    judged: new Map<number, bigint>(),
    raw: 0n,
    /** Seats by the history as far as it is asked; null: all of it. */
    seats: four,
    /** Up to where records are applied to the online rows; null: Redis is away. */
    applied: 0 as number | null,
    asked: [] as features.EntityRow[],
  };
  const checked: { readonly item: ParityItem; readonly verdict: ParityVerdict }[] = [];
  const skipped: string[] = [];
  const positions = new Map<number, bigint>();
  const check = new ParityCheck({
    bus: {
      sink(asked) {
        ({ handler } = asked);
        return { name: 'sink', start: () => Promise.resolve(), stop: () => Promise.resolve() };
      },
      offsets: (topic) =>
        Promise.resolve([
          { partition: 0, low: 0n, high: topic.endsWith('.valid') || topic === 'served' ? state.end : state.raw },
        ]),
      committed: () => Promise.resolve(state.judged),
      async readRanges(_ranges, onRecords) {
        const records = Array.from({ length: state.between }, (_, offset) => record(offset));
        if (records.length > 0) await onRecords({ topic: 't', partition: 0, records });
      },
    },
    topology: () => topology,
    changedAtMs: () => 0,
    history: {
      landed: () => Promise.resolve(state.landed),
      pointInTime(plan, rows, { until } = {}) {
        state.asked.push(...rows);
        const seats = state.seats(until?.get('t.planned.valid')?.[0] ?? null);
        return Promise.resolve(rows.map(() => ({ values: plan.names.map(() => number(seats)), statuses: [] })));
      },
    },
    lookAtApplied() {
      if (state.applied === null) return Promise.reject(new Error('Redis is away'));
      const applied = new Map([['t.planned.valid', [state.applied, 0]]]);
      return Promise.resolve({ untilMs: state.nowMs, fromMs: state.nowMs, floor: applied, ceiling: applied });
    },
    now: () => state.nowMs,
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
    ...{ share: 1, everyMs: 1_000, batchMax: 10, queueMax: 100, redefinedMs: 0, waitMaxMs: 60_000 },
    ...options,
  });
  async function give(...records: BusRecord[]): Promise<void> {
    const batch: Batch = { topic: topics.inferenceServed, partition: 0, records };
    await handler?.apply(batch, { nextOffset: (records.at(-1)?.offset ?? 0n) + 1n, watermarkMs: null });
  }
  /** Moves the wall clock and looks how far records are applied then. */
  async function pass(ms: number): Promise<void> {
    state.nowMs += ms;
    await check.look();
  }
  /** As long as it takes until what waits is compared, if the history is complete. */
  async function compare(): Promise<void> {
    await check.round();
    await pass(5_000);
    await check.round();
  }
  return {
    check,
    state,
    checked,
    skipped,
    positions,
    give,
    pass,
    compare,
    position: () => handler?.position('served', 0),
  };
}

describe('the comparison of served values', () => {
  it('compares what comes from a view, and leaves out what the model does not have', async () => {
    const { checked, state, give, pass, compare } = world();
    state.nowMs = -5_000;
    await pass(0);
    state.nowMs = 3_000;
    await give(
      record(1),
      record(2, { inputValues: [number(10), number(5), number(1), { kind: { $case: 'text', value: 'o1' } }] }),
    );
    await compare();
    const none = { differences: [], late: [], undecided: [] };
    expect(checked.map(({ verdict }) => verdict)).toEqual([
      { values: 1, ...none },
      { values: 1, ...none, differences: [{ feature: 'seats', served: number(5), again: number(4) }] },
    ]);
    expect(state.asked[0]?.asOfMs).toBe(50);
    expect(state.asked[0]?.request['miles']).toEqual(number(10));
  });

  it('waits until the history holds what was on the log, but not for marks of transactions', async () => {
    const { check, checked, state, give, compare } = world();
    Object.assign(state, { end: 5n, landed: 3, between: 2 });
    await give(record(1));
    await compare();
    expect(checked).toEqual([]);
    // What comes later need not be there.
    Object.assign(state, { end: 9n, landed: 4, between: 0 });
    await check.round();
    expect(checked).toHaveLength(1);
  });

  it('takes a bounded number per round, and keeps the position at the oldest that waits', async () => {
    const { check, checked, positions, give, compare } = world({ batchMax: 2 });
    await give(record(1), record(2), record(3));
    await compare();
    expect(checked).toHaveLength(2);
    expect(positions.get(0)).toBe(3n);
    await check.round();
    expect(positions.get(0)).toBe(4n);
  });

  it('counts what it cannot compare', async () => {
    const { checked, skipped, give, compare } = world({ queueMax: 2, changedAtMs: () => 2_000 });
    await give(record(1), record(2, { model: 'gone' }), record(3));
    await compare();
    expect(checked).toEqual([]);
    expect(skipped).toEqual(['queue 1', 'unknown 1', 'redefined 1']);
  });

  it('leaves out a prediction whose log does not have what a view is asked for', async () => {
    const { checked, skipped, give, compare } = world();
    await give(record(1, { inputNames: ['seats'], inputValues: [number(4)] }));
    await compare();
    expect([checked, skipped]).toEqual([[], ['unknown 1']]);
  });

  it('leaves out what was answered without the online store', async () => {
    const { checked, skipped, give, compare } = world();
    await give(record(1, { featuresUnreachable: true }), record(2));
    await compare();
    expect(checked.map(({ item }) => item.offset)).toEqual([2n]);
    expect(skipped).toEqual(['unreachable 1']);
  });

  it('takes its share by decision id, and no record that is none', async () => {
    const { checked, give, compare } = world({ share: 0.5 });
    const broken: BusRecord = { ...record(5), value: Buffer.from([10, 200]) };
    await give(record(1, { decisionId: '7fffffff' }), record(2, { decisionId: '80000000' }), broken);
    await compare();
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

  it('waits until the validator has judged what was on its way to it', async () => {
    const { check, checked, state, give, compare } = world();
    Object.assign(state, { raw: 5n, between: 1 });
    await give(record(1));
    await compare();
    expect(checked).toEqual([]);
    state.judged.set(0, 5n);
    await check.round();
    expect(checked).toHaveLength(1);
  });

  it('does not wait for ever, and counts what it gave up', async () => {
    const { check, checked, skipped, state, give, pass, compare } = world();
    Object.assign(state, { raw: 5n, between: 1 });
    await give(record(1));
    await compare();
    await pass(60_000);
    await check.round();
    expect([checked, skipped]).toEqual([[], ['incomplete 1']]);
    // What comes after that gets its own time.
    state.judged.set(0, 5n);
    await give(record(2));
    await compare();
    expect(checked).toHaveLength(1);
  });
});

describe('a record that was known before the prediction and came after it', () => {
  const served = record(1, { eventTimeMs: 900, latencyUs: 2_000 });
  const found = { feature: 'seats', served: number(4), again: number(7) };
  /** Seats change from 4 to 7 with the record at offset 10. */
  const seats = (until: number | null): number => (until === null || until > 10 ? 7 : 4);

  it.each([
    ['is late where it was applied a while after', { first: 10, then: 10, last: 11 }, 'late'],
    ['is late where it was applied at about that time', { first: 10, then: 11, last: 11 }, 'late'],
    ['is no excuse where it was applied long before', { first: 11, then: 11, last: 11 }, 'differences'],
  ] as const)('%s', async (_name, applied, kind) => {
    const { checked, state, give, pass, compare } = world();
    Object.assign(state, { seats, applied: applied.first, nowMs: -10_000 });
    await pass(0);
    // 2.5 s after the prediction the next look.
    state.applied = applied.then;
    await pass(13_500);
    state.applied = applied.last;
    await give(served);
    await compare();
    expect(checked[0]?.verdict).toEqual({
      values: 1,
      ...{ differences: [], late: [], undecided: [] },
      [kind]: [found],
    });
  });

  it('leaves it undecided where it is not known what the online rows held: after a restart', async () => {
    const { checked, state, give, pass, compare } = world();
    Object.assign(state, { seats, applied: 11, nowMs: 2_000 });
    await pass(0);
    await give(served);
    await compare();
    expect(checked[0]?.verdict).toMatchObject({ values: 0, undecided: [found] });
  });

  it('is not judged while Redis cannot be asked', async () => {
    const { checked, state, give, compare } = world();
    Object.assign(state, { seats, applied: null });
    await give(served);
    await compare();
    expect(checked).toEqual([]);
    state.applied = 11;
    await compare();
    expect(checked).toHaveLength(1);
  });
});
