import { drift, topics } from '@everloop/contracts';
import type { BusRecord } from '@everloop/kafka';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PagePlan } from '../domain/plan-state.ts';
import { toPage } from '../domain/page-state.ts';
import { createLiveState, foldedTopics, type LiveState } from './fold-topics.ts';

let live: LiveState;
let bad: unknown[];

beforeEach(() => {
  bad = [];
  live = createLiveState((_, error) => void bad.push(error));
});

function take(topic: string, key: string, value: unknown): void {
  const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
  const record: BusRecord = { topic, partition: 0, offset: 0n, key: Buffer.from(key), value: bytes, headers: {}, timestampMs: 0 }; // prettier-ignore
  live.take(record);
}

function plan(version: string, over: Partial<drift.AlarmPlan> = {}): void {
  const monitor = over.monitor ?? 'watch';
  const value = drift.AlarmPlan.fromPartial({
    ...{ id: `${monitor}-${version}`, monitor, model: 'm', baselineVersion: version, status: 'calibrated' },
    ...{ falseRetrainings: 0.25, falseRetrainingsUpper: 0.75, allowed: 1, periodMs: 86_400_000, reason: 'k of n' },
    delays: [
      { shift: 0.1, medianWindows: -1, found: 0.4 },
      { shift: 0.5, medianWindows: 2, found: 1 },
    ],
    ...over,
  });
  take(topics.driftPlan, `${monitor}/${version}`, drift.AlarmPlan.toJSON(value));
}

function decide(n: number, planId: string, kind = 'data'): void {
  const value = drift.Decision.fromPartial({
    ...{ id: `d${n}`, model: 'm', monitor: 'watch', kind, eventTimeMs: n, policy: { planId } },
  });
  take(topics.driftDecision, 'm', drift.Decision.toJSON(value));
}

const shown = (): readonly PagePlan[] => toPage(live.current).models[0]?.decided.plans ?? [];

describe('plans', () => {
  test('are read, and shown with what they cost and find', () => {
    plan('1');
    expect(foldedTopics).toContain(topics.driftPlan);
    expect(shown()).toEqual([
      {
        ...{ monitor: 'watch', version: '1', status: 'calibrated', reason: 'k of n', allowed: 1, periodMs: 86_400_000 },
        ...{ falseRetrainings: 0.25, falseRetrainingsUpper: 0.75 },
        delays: [
          { shift: 0.1, medianWindows: null, found: 0.4 },
          { shift: 0.5, medianWindows: 2, found: 1 },
        ],
      },
    ]);
    expect(bad).toEqual([]);
  });

  test('that are unknown promise nothing', () => {
    plan('1', { status: 'unknown', delays: [], falseRetrainings: 0, falseRetrainingsUpper: 0 });
    expect(shown()).toMatchObject([{ status: 'unknown', falseRetrainings: null, falseRetrainingsUpper: null }]);
  });

  test.each<[string, () => void, string]>([
    ['made last, before there is a decision', () => undefined, '2'],
    ['that the newest decision went by', () => decide(1, 'watch-1'), '1'],
    [
      'that the newest decision on inputs went by, whatever labels led to',
      () => {
        decide(1, 'watch-1');
        decide(2, '', 'performance');
      },
      '1',
    ],
    [
      'made last, when the newest decision went by none',
      () => {
        decide(1, 'watch-1');
        decide(2, '');
      },
      '2',
    ],
  ])('of a Monitor: the one %s', (_, given, version) => {
    plan('1');
    plan('2');
    given();
    expect(shown().map((one) => one.version)).toEqual([version]);
  });

  test('of each Monitor one, by name; a new revision takes the place of the old', () => {
    plan('1', { monitor: 'z' });
    plan('1', { monitor: 'a' });
    plan('1', { monitor: 'z', id: 'other', status: 'over-budget' });
    expect(shown().map(({ monitor, status }) => [monitor, status])).toEqual([
      ['a', 'calibrated'],
      ['z', 'over-budget'],
    ]);
  });

  test('that the detector forgets are gone; nothing else is taken away by records without a value', () => {
    plan('1');
    decide(1, 'watch-1');
    const { revision } = live;
    take(topics.driftDecision, 'm', null);
    expect(live.revision).toBe(revision);
    take(topics.driftPlan, 'watch/1', null);
    expect(shown()).toEqual([]);
    expect([live.revision, bad]).toEqual([revision + 1, []]);
  });

  test('are a bounded number', () => {
    for (let version = 1; version <= 100; version += 1) plan(String(version));
    expect(live.current.models[0]?.decided.plans).toHaveLength(64);
  });
});
