import { drift, training } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { emptyLoop, withAlert, withDecision, withDriftReport, withJob, withQuality } from './loop-state.ts';
import { toPage } from './page-state.ts';

const { NONE, REQUESTED, SUPPRESSED } = drift.RetrainOutcome;
const decision = (n: number, outcome: drift.RetrainOutcome, more: Partial<drift.Decision> = {}): drift.Decision =>
  drift.Decision.fromPartial({
    ...{ id: `d${n}`, reportId: `r${n}`, model: 'm', monitor: 'w', kind: 'data', eventTimeMs: n, outcome },
    ...{ reason: `because ${n}`, driftedWindows: 1, windows: 2 },
    policy: drift.DriftPolicy.fromPartial({ raiseWindows: 2, raiseOf: 3 }),
    ...more,
  });
const alert = (id: string, more: Partial<drift.DriftAlert> = {}): drift.DriftAlert =>
  drift.DriftAlert.fromPartial({
    ...{ id, model: 'm', monitor: 'w', kind: 'data', severity: 'ticket', startedAtMs: 5, message: 'temp moved' },
    ...more,
  });

describe('what drift led to', () => {
  it('shows decisions newest first, once each, with the verdict of their window and what is left of the budget', () => {
    const { DRIFTED, STABLE } = drift.DriftVerdict;
    let state = withDriftReport(emptyLoop, drift.DriftReport.fromPartial({ id: 'r1', model: 'm', verdict: STABLE }));
    state = withQuality(state, drift.QualityReport.fromPartial({ id: 'r2', model: 'm', verdict: DRIFTED }));
    const decisions = [
      decision(1, NONE),
      decision(3, SUPPRESSED, { budgetAllowed: 1, budgetSpent: 2, alarm: true }),
      decision(2, NONE, { kind: 'performance', budgetAllowed: 1 }),
      decision(1, NONE),
    ];
    const [model] = toPage(decisions.reduce(withDecision, state)).models;
    expect(model?.decided.decisions).toMatchObject([
      { id: 'd3', verdict: null, outcome: 'suppressed', alarmUp: true, budgetLeft: -1, became: null },
      { id: 'd2', verdict: 'drifted', outcome: null, kind: 'performance', budgetLeft: 1 },
      { id: 'd1', verdict: 'stable', outcome: null, budgetLeft: null, driftedWindows: 1, raiseWindows: 2, raiseOf: 3 },
    ]);
  });

  it('says how far a request has come', () => {
    const { STARTED, SUCCEEDED, SKIPPED } = training.JobState;
    const asked = withDecision(emptyLoop, decision(1, REQUESTED, { requestId: 'q' }));
    const job = (state: training.JobState): training.JobEvent =>
      training.JobEvent.fromPartial({ requestId: 'q', model: 'm', state, version: '2', versionStage: 'rejected' });
    const became = (state = asked): string | null | undefined => toPage(state).models[0]?.decided.decisions[0]?.became;
    expect(became()).toBe('waits for the trainer');
    expect(became(withJob(asked, job(STARTED)))).toBe('training runs');
    expect(became(withJob(withJob(asked, job(STARTED)), job(SUCCEEDED)))).toBe('version 2 rejected');
    expect(became(withJob(asked, job(SKIPPED)))).toBe('training skipped');
  });

  it('shows alarms that are up, pages first, and forgets those that are over', () => {
    const alerts = [
      alert('a'),
      alert('b', { kind: 'performance', severity: 'page', slice: 'carrier == "AA"' }),
      alert('c', { kind: 'estimated' }),
      alert('d', { kind: 'estimated', resolved: true, message: 'calm' }),
    ];
    const page = toPage(alerts.reduce(withAlert, emptyLoop));
    expect(page.models[0]?.decided.alarms).toMatchObject([
      { kind: 'performance', severity: 'page', slice: 'carrier == "AA"', sinceMs: 5 },
      { kind: 'data', severity: 'ticket', message: 'temp moved' },
    ]);
    expect(page.log.map(({ text }) => text)).toEqual([
      'estimated alarm of w is over: calm',
      'estimated alarm of w is up (ticket): temp moved',
      'performance alarm of w where carrier == "AA" is up (page): temp moved',
      'data alarm of w is up (ticket): temp moved',
    ]);
  });

  it('logs what was asked for, put off or not done, and keeps a bounded number', () => {
    const many = Array.from({ length: 500 }, (_, n) => decision(n, n === 499 ? REQUESTED : NONE));
    const state = many.reduce(withDecision, emptyLoop);
    expect(state.log.map(({ text }) => text)).toEqual(['retraining requested: because 499']);
    expect(state.models[0]?.decided.decisions).toHaveLength(200);
    const shown = toPage(state).models[0]?.decided.decisions.map(({ atMs }) => atMs);
    expect([shown?.length, shown?.[0], shown?.at(-1)]).toEqual([30, 499, 470]);
    const reports = Array.from({ length: 500 }, (_, n) => drift.QualityReport.fromPartial({ id: `r${n}`, model: 'm' }));
    expect(reports.reduce(withQuality, emptyLoop).models[0]?.decided.verdicts.size).toBe(200);
  });
});
