import { drift, registry, rollout, training } from '@everloop/contracts';
import type { WhyEntry } from './chain.ts';
import { outcomeName } from './counts.ts';
import type { Why } from './read.ts';

const orNull = <T>(value: T | null, toJson: (value: T) => unknown): unknown => (value === null ? null : toJson(value));

/** The answer for programs: the events as they are in their topics (proto3 JSON), put together. */
export function whyJson({ model, monitors, counts, entries }: Why): unknown {
  return { model, monitors, counts, decisions: entries.map(entryJson) };
}

function entryJson({ atMs, decision, report, quality, plan, request, jobs, versions, steps }: WhyEntry): unknown {
  return {
    time: new Date(atMs).toISOString(),
    outcome: decision === null ? 'requested' : outcomeName(decision.outcome),
    trigger: decision === null ? (request?.trigger ?? '') : 'drift',
    reason: decision?.reason ?? request?.reason ?? '',
    correlationId: decision?.correlationId ?? request?.correlationId ?? '',
    decision: orNull(decision, (one) => drift.Decision.toJSON(one)),
    report: orNull(report, (one) => drift.DriftReport.toJSON(one)),
    qualityReport: orNull(quality, (one) => drift.QualityReport.toJSON(one)),
    plan: orNull(plan, (one) => drift.AlarmPlan.toJSON(one)),
    request: orNull(request, (one) => training.RetrainingRequested.toJSON(one)),
    jobs: jobs.map((job) => training.JobEvent.toJSON(job)),
    versions: versions.map((version) => registry.VersionChanged.toJSON(version)),
    steps: steps.map((step) => rollout.RolloutStep.toJSON(step)),
  };
}
