import { drift, type MonitorSpec } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { day, monitor } from '../../test/fixtures.ts';
import { windowReport, qualityReport, field } from '../../test/reports.ts';
import { askAgain, decide } from './decide.ts';
import { noFacts, type Decided, type Facts, type MonitorState } from './types.ts';

const { NONE, REQUESTED, DEFERRED, SUPPRESSED } = drift.RetrainOutcome;

/** Decides one report after the other and keeps the state. */
function desk(spec: Partial<MonitorSpec> = {}) {
  let state: MonitorState | undefined;
  const watch = monitor({ coolDownMs: 10 * day, clear: { windows: 2, below: 0.6 }, ...spec });
  const keep = (decided: Decided): Decided => {
    state = decided.state;
    return decided;
  };
  return {
    window: (
      endDay: number,
      verdict: 'D' | 's' | 'c' | 'i',
      facts: Facts = noFacts,
      more: Partial<drift.DriftReport> = {},
    ) => keep(decide(state, watch, { kind: 'window', report: windowReport(endDay, verdict, more) }, facts)),
    quality: (
      endDay: number,
      verdict: 'D' | 's' | 'c' | 'i',
      facts: Facts = noFacts,
      more: Partial<drift.QualityReport> = {},
    ) => keep(decide(state, watch, { kind: 'quality', report: qualityReport(endDay, verdict, more) }, facts)),
    again: (atDay: number, facts: Facts = noFacts) => {
      const decided = state === undefined ? null : askAgain(state, watch, atDay * day, facts);
      return decided === null ? null : keep(decided);
    },
    state: () => state,
  };
}

const ended = (decided: Decided, end: 'approved' | 'rejected' | 'none'): Facts => ({
  ...noFacts,
  ends: new Map([[decided.request?.id ?? '', end]]),
});

describe('a decision on a window', () => {
  test('to do nothing has its reason and its numbers', () => {
    const { decision, alerts, request } = desk({ raise: { windows: 2, of: 3 } }).window(1, 'D');
    expect([alerts, request]).toEqual([[], null]);
    expect(decision).toMatchObject({
      ...{ outcome: NONE, kind: 'data', monitor: 'watch', reportId: 'window-1', correlationId: 'window-1' },
      ...{ alarm: false, driftedWindows: 1, windows: 1, eventTimeMs: day, backOff: 1, coolDownUntilMs: 0 },
      reason: 'no alarm: 1 of the last 1 windows drifted, 2 of 3 raise an alarm; found 1 D',
      policy: { raiseWindows: 2, raiseOf: 3, planId: '' },
    });
    expect(decision.preconditions.map(({ name, holds }) => [name, holds])).toEqual([
      ['contract-hold', true],
      ['rollout', true],
      ['training', true],
      ['labelled-rows', true],
    ]);
  });

  test('to retrain raises the alarm and asks, and everything is tied together by ids', () => {
    const one = desk({ raise: { windows: 2, of: 3 } });
    one.window(1, 'D');
    const { decision, alerts, request } = one.window(2, 'D');
    expect(decision).toMatchObject({
      outcome: REQUESTED,
      alarm: true,
      alarmSinceMs: 2 * day,
      correlationId: 'window-1',
    });
    expect(request).toEqual({
      ...{ id: decision.requestId, model: 'm', trigger: 'drift', reason: 'found 2 D', eventTimeMs: 2 * day },
      ...{ causeId: decision.id, correlationId: 'window-1' },
    });
    expect(alerts).toMatchObject([
      {
        kind: 'data',
        severity: 'ticket',
        resolved: false,
        fields: ['temp'],
        reportId: 'window-2',
        startedAtMs: 2 * day,
      },
    ]);
    expect(new Set([decision.id, decision.requestId, alerts[0]?.id]).size).toBe(3);
  });

  test('goes by the policy of the report where a plan gave it one', () => {
    const policy = {
      significance: 0.01,
      psi: 0.1,
      score: 0,
      minDriftedFields: 1,
      raiseWindows: 2,
      raiseOf: 2,
      planId: 'p',
    };
    const { decision } = desk().window(1, 'D', noFacts, { policy });
    expect(decision).toMatchObject({ outcome: NONE, policy: { planId: 'p' } });
  });

  test.each([
    ['insufficient rows', 'i', {}, 'nothing to decide: found 1 i'],
    [
      'a Monitor that does not retrain',
      'D',
      { retrain: false },
      'wanted, the Monitor does not retrain (retrain: false): found 1 D',
    ],
  ] as const)('%s', (_, verdict, spec, reason) => {
    expect(desk(spec).window(1, verdict).decision.reason).toBe(reason);
  });

  test('that is calm ends the alarm; one between the levels does not', () => {
    const one = desk();
    one.window(1, 'D');
    expect(one.window(2, 's').decision).toMatchObject({ alarm: true, calmWindows: 0, outcome: NONE });
    expect(one.window(3, 'c').decision).toMatchObject({ alarm: true, calmWindows: 1 });
    const { decision, alerts } = one.window(4, 'c');
    expect(decision).toMatchObject({ alarm: false, alarmSinceMs: 0 });
    expect(alerts).toMatchObject([
      { resolved: true, startedAtMs: day, kind: 'data', message: expect.stringContaining('found 4 c') as string },
    ]);
  });

  test.each([
    ['every index far below its limit', [field(0.05)], 0, true],
    ['an index at six tenths of its limit', [field(0.06)], 0, false],
    ['a field with a limit of its own', [field(0.06, { field: 'own' })], 0, true],
    ['few rows, where chance passes the limit', [field(0.1, { psiCritical: 0.2 })], 0, true],
    ['a score near its limit', [field(0)], 0.15, false],
  ])('calm or not: %s', (_, fields, score, isCalm) => {
    const one = desk({ score: 0.2, thresholds: [{ field: 'own', psi: 0.2 }] });
    expect(one.window(1, 's', noFacts, { fields, score }).decision.calmWindows).toBe(isCalm ? 1 : 0);
  });
});

describe('a retraining that is wanted', () => {
  test('is not asked for twice while one is open, nor in the cool-down; then it is', () => {
    const one = desk();
    const first = one.window(1, 'D');
    expect(one.window(2, 'D').decision).toMatchObject({
      outcome: SUPPRESSED,
      reason: expect.stringContaining('has not ended') as string,
    });
    expect(one.window(3, 'D', ended(first, 'approved')).decision).toMatchObject({
      outcome: SUPPRESSED,
      reason: 'wanted, in cool-down until 1970-01-12T00:00:00.000Z: found 3 D',
      coolDownUntilMs: 11 * day,
    });
    expect(one.window(11, 'D').decision).toMatchObject({ outcome: REQUESTED, correlationId: 'window-1' });
  });

  test('waits twice as long after a version that its gates refused', () => {
    const one = desk();
    const first = one.window(1, 'D');
    const { decision } = one.window(11, 'D', ended(first, 'rejected'));
    expect(decision).toMatchObject({ outcome: SUPPRESSED, backOff: 2, coolDownUntilMs: 21 * day });
    expect(decision.reason).toContain('2 times as long, after versions that failed their gates');
    expect(one.window(21, 'D').decision.outcome).toBe(REQUESTED);
  });

  test('is deferred with everything that stands in the way, and asked for by itself when nothing does', () => {
    const one = desk({ requires: { labelledRows: 5000, noHold: true, noRollout: true, noTraining: true } });
    const blocked: Facts = {
      ...noFacts,
      holds: ['hold h of flights'],
      rollout: 'version 3 is a canary',
      training: ['request q'],
      labelledRows: 10,
    };
    const { decision, request } = one.window(1, 'D', blocked);
    expect(request).toBeNull();
    expect(decision).toMatchObject({ outcome: DEFERRED, alarm: true });
    expect(decision.reason).toBe(
      'wanted, waits for contract-hold (hold h of flights), rollout (version 3 is a canary), training (request q), labelled-rows (10 since the training of the champion, 5000 are required): found 1 D',
    );
    expect(one.again(2, { ...blocked, holds: [] })).toBeNull();
    const asked = one.again(3, { ...noFacts, labelledRows: 5000 });
    expect(asked?.decision).toMatchObject({
      outcome: REQUESTED,
      reportId: 'window-1',
      correlationId: 'window-1',
      eventTimeMs: 3 * day,
    });
    expect(asked?.request).toMatchObject({ eventTimeMs: 3 * day, causeId: asked?.decision.id });
    expect(one.again(4, { ...noFacts, labelledRows: 5000 })).toBeNull();
    expect(asked?.decision.id).not.toBe(decision.id);
  });

  test('and deferred is forgotten with its alarm', () => {
    const one = desk();
    one.window(1, 'D', { ...noFacts, holds: ['h'] });
    one.window(2, 'c');
    expect(one.state()?.deferred).not.toBeNull();
    one.window(3, 'c');
    expect(one.again(4)).toBeNull();
  });

  test('does not wait for what its Monitor does not require', () => {
    const requires = { labelledRows: 0, noHold: false, noRollout: false, noTraining: false };
    const { decision } = desk({ requires }).window(1, 'D', { ...noFacts, holds: ['h'], rollout: 'r', training: ['t'] });
    expect(decision.outcome).toBe(REQUESTED);
    expect(decision.preconditions[0]).toEqual({ name: 'contract-hold', holds: true, detail: 'h (not required)' });
  });
});

describe('the alarm budget', () => {
  test('that is overspent calls a human once, stops asking because of data, and begins again', () => {
    const budget = { falseRetrainings: 1, perMs: 30 * day };
    const one = desk({ budget, coolDownMs: 0 });
    const first = one.window(1, 'D');
    const second = one.window(5, 'D', ended(first, 'rejected'));
    expect(second.decision).toMatchObject({ outcome: REQUESTED, budgetSpent: 1, budgetAllowed: 1 });
    const third = one.window(6, 'D', ended(second, 'rejected'));
    expect(third.decision).toMatchObject({ outcome: SUPPRESSED, budgetSpent: 2 });
    expect(third.decision.reason).toContain('the alarm budget is overspent: 2 of 1');
    expect(third.alerts).toMatchObject([{ kind: 'budget', severity: 'page', resolved: false, startedAtMs: 6 * day }]);
    expect(one.window(7, 'D').alerts).toEqual([]);
    expect(one.quality(8, 'D').decision.outcome).toBe(REQUESTED);
    const last = one.window(32, 's');
    expect(last.alerts).toMatchObject([{ kind: 'budget', resolved: true, startedAtMs: 6 * day }]);
  });
});

describe('quality', () => {
  test('that labels show to be worse asks at once and wakes somebody', () => {
    const { decision, alerts } = desk({ raise: { windows: 3, of: 5 } }).quality(1, 'D');
    expect(decision).toMatchObject({
      outcome: REQUESTED,
      kind: 'performance',
      policy: { raiseWindows: 1, raiseOf: 1 },
    });
    expect(alerts).toMatchObject([{ kind: 'performance', severity: 'page', modelVersion: '1' }]);
  });

  test('that is only estimated waits for k of n', () => {
    const one = desk({ raise: { windows: 2, of: 2 } });
    expect(one.quality(1, 'D', noFacts, { kind: 'estimated' }).decision).toMatchObject({
      outcome: NONE,
      kind: 'estimated',
    });
    expect(one.quality(2, 'D', noFacts, { kind: 'estimated' }).alerts).toMatchObject([{ severity: 'ticket' }]);
  });

  test('waits half of the cool-down after any request, the inputs all of it', () => {
    const one = desk();
    const first = one.window(1, 'D');
    expect(one.quality(5, 'D', ended(first, 'approved')).decision.outcome).toBe(SUPPRESSED);
    expect(one.quality(6, 'D').decision.outcome).toBe(REQUESTED);
  });

  test('of a slice has an alarm of its own', () => {
    const one = desk({ retrain: false });
    const { decision, alerts } = one.quality(1, 'D', noFacts, { slice: 'jfk' });
    expect(alerts).toMatchObject([{ slice: 'jfk', kind: 'performance' }]);
    expect(decision).toMatchObject({ slice: 'jfk', alarm: true });
    expect(one.quality(1, 'c').decision).toMatchObject({ slice: '', alarm: false });
    expect(Object.keys(one.state()?.alarms ?? {})).toEqual(['performance/jfk', 'performance']);
  });

  test('of a slice asks for a retraining that names it, and is not what all predictions lose', () => {
    const one = desk();
    const { decision, request, state } = one.quality(1, 'D', noFacts, { slice: 'jfk', reason: 'slice jfk: worse' });
    expect(decision).toMatchObject({ outcome: REQUESTED, reason: 'retraining requested: slice jfk: worse' });
    expect(decision.harm).toBeCloseTo(1 - Math.exp(-2), 12);
    expect(request?.reason).toBe('slice jfk: worse');
    expect(state.loss).toBe(0);
  });

  test('of a slice does not take the place of a deferred request that all predictions make', () => {
    const one = desk();
    const held: Facts = { ...noFacts, holds: ['hold h'] };
    one.quality(1, 'D', held, { slice: 'jfk' });
    expect(one.quality(1, 'D', held).state.deferred?.alarm).toBe('performance');
    expect(one.quality(2, 'D', held, { slice: 'jfk' }).state.deferred?.alarm).toBe('performance');
    expect(one.window(2, 'D', held).state.deferred?.alarm).toBe('performance');
    expect(one.again(3)?.decision).toMatchObject({ outcome: REQUESTED, slice: '' });
  });

  test('gives drift its harm: drift, importance and loss together', () => {
    const one = desk();
    expect(one.window(1, 'D', noFacts, { score: 1 }).decision.harm).toBe(0);
    expect(one.quality(1, 'D').decision.harm).toBeCloseTo(1 - Math.exp(-2), 12);
    expect(one.window(2, 'D', noFacts, { score: 1 }).decision.harm).toBeCloseTo(
      (1 - Math.exp(-1)) * (1 - Math.exp(-2)),
      12,
    );
    expect(one.quality(3, 'i').state.loss).toBeCloseTo(1 - Math.exp(-2), 12);
  });

  test('of the past is decided now: decisions do not go back in time', () => {
    const one = desk();
    one.window(9, 's');
    expect(one.quality(2, 'D').request).toMatchObject({ eventTimeMs: 9 * day });
  });
});

describe('the state', () => {
  test('is kept when the Monitor changes, and new when it watches another model', () => {
    const first = desk().window(1, 'D');
    const changed = monitor({ coolDownMs: 20 * day });
    const report = windowReport(12, 'D');
    const facts = ended(first, 'approved');
    expect(decide(first.state, changed, { kind: 'window', report }, facts).decision.outcome).toBe(SUPPRESSED);
    const other = { ...report, model: 'other' };
    const moved = monitor({ model: 'other' });
    expect(decide(first.state, moved, { kind: 'window', report: other }, noFacts).decision.outcome).toBe(REQUESTED);
    expect(askAgain(first.state, moved, 13 * day, noFacts)).toBeNull();
  });
});
