import { describe, expect, it } from 'vitest';
import { drift, outcomes, progress, registry, rollout, training } from '@everloop/contracts';
import { sparseCounts } from '@everloop/stats';
import {
  emptyLoop,
  weekMs,
  withDriftReport,
  withJob,
  withProgress,
  withRoute,
  withStats,
  withStep,
  withVersion,
  type LoopState,
} from './loop-state.ts';
import { toPage } from './page-state.ts';

const report = (watermarkMs: number, records: number, reportedAtMs: number, stage = 'main', service = 'validator') =>
  progress.Progress.fromPartial({ service, stage, watermarkMs, records, reportedAtMs });

describe('loop state', () => {
  it('shows each stage once, its rate between reports, and how far it is behind', () => {
    const state = [
      report(1_000, 0, 0),
      report(5_000, 300, 3_000),
      report(9_000, 10, 100, 'online', 'feature-store'),
    ].reduce(withProgress, emptyLoop);
    expect(toPage(state)).toMatchObject({
      eventTimeMs: 9_000,
      stages: [
        { name: 'validator', watermarkMs: 5_000, lagMs: 4_000, recordsPerSecond: 100 },
        { name: 'feature-store · online', lagMs: 0, recordsPerSecond: null },
      ],
    });
  });

  it('starts a rate again when a restarted service counts from zero', () => {
    const state = [report(1, 500, 0), report(2, 900, 4_000), report(3, 5, 5_000)].reduce(withProgress, emptyLoop);
    expect(state.stages[0]?.recordsPerSecond).toBeNull();
  });

  it('splits traffic between champion, canary and shadows', () => {
    const route = rollout.Route.fromPartial({
      model: 'm',
      championVersion: '2',
      challengers: [{ version: '3', ranges: [{ from: 0, to: 250_000 }] }],
      shadows: [{ version: '1', share: 1 }],
    });
    expect(toPage(withRoute(emptyLoop, route)).models[0]?.traffic).toEqual([
      { version: '2', role: 'champion', share: 0.75 },
      { version: '3', role: 'canary', share: 0.25 },
      { version: '1', role: 'shadow', share: 1 },
    ]);
  });

  it('compares what was served with the first version, week by week, whatever the order of the deltas', () => {
    const stats = (modelVersion: string, arm: string, dayMs: number, negatives: number[], positives: number[]) =>
      outcomes.OutcomeStats.fromPartial({
        ...{ model: 'm', modelVersion, arm, dayMs },
        ...{ negativeScores: sparseCounts(negatives), positiveScores: sparseCounts(positives) },
      });
    const deltas = [
      stats('1', 'champion', 0, [4, 0], [0, 4]),
      stats('2', 'champion', weekMs, [4, 0], [0, 4]),
      stats('1', 'shadow', weekMs, [2, 2], [2, 2]),
      stats('2', 'canary', weekMs, [1, 0], [0, 1]),
      { ...stats('2', 'canary', weekMs, [0, 9], [9, 0]), slice: 'part of it' },
    ];
    const expected = [
      { weekMs: 0, served: 1, neverRetrained: 1, labelled: 8 },
      { weekMs, served: 1, neverRetrained: 0.5, labelled: 10 },
    ];
    for (const order of [deltas, deltas.toReversed()]) {
      expect(toPage(order.reduce(withStats, emptyLoop)).models[0]?.auc).toEqual(expected);
    }
  });

  it('keeps the newest stage of a version and every decision, newest first', () => {
    const changed = (stage: string, id: string) =>
      registry.VersionChanged.fromPartial({
        id,
        version: { model: 'm', version: '1', stage, trigger: 'rows' },
        reason: 'why',
        eventTimeMs: 5,
      });
    let state: LoopState = [changed('approved', 'a'), changed('production', 'b')].reduce(withVersion, emptyLoop);
    state = withJob(
      state,
      training.JobEvent.fromPartial({
        requestId: 'r',
        model: 'm',
        trigger: 'drift',
        state: training.JobState.SKIPPED,
        reason: 'cool-down',
      }),
    );
    state = withStep(
      state,
      rollout.RolloutStep.fromPartial({ id: 's', model: 'm', version: '1', action: 'promoted', reason: 'first' }),
    );
    const page = toPage(state);
    expect(page.models[0]?.versions).toMatchObject([{ version: '1', stage: 'production' }]);
    expect(page.log.map((line) => line.text)).toEqual([
      'version 1 promoted: first',
      'training (drift) skipped: cool-down',
      'version 1 is production: why',
      'version 1 is approved: why',
    ]);
  });

  it('shows the newest window with the worst field first, and takes a repeated report once', () => {
    const window = drift.DriftReport.fromPartial({
      id: 'w',
      model: 'm',
      windowEndMs: weekMs,
      rows: 900,
      verdict: drift.DriftVerdict.DRIFTED,
      reason: 'retraining requested',
      fields: [
        { field: 'a', psi: 0.05, drifted: false },
        { field: 'b', psi: 0.3, ksStatistic: 0.2, drifted: true },
      ],
    });
    const state = withDriftReport(withDriftReport(emptyLoop, window), window);
    expect(toPage(state).models[0]).toMatchObject({
      drift: {
        verdict: 'drifted',
        fields: [
          { field: 'b', ks: 0.2 },
          { field: 'a', ks: null },
        ],
      },
      driftHistory: [{ endMs: weekMs, drifted: 1, psiMax: 0.3 }],
    });
    expect(state.log).toHaveLength(1);
  });
});
