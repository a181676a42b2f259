import type { drift, registry, rollout, training } from '@everloop/contracts';
import { newestOf, type Period } from './newest.ts';

/** What came of a request to retrain. */
export interface Followed {
  readonly request: training.RetrainingRequested | null;
  /** Oldest first. */
  readonly jobs: readonly training.JobEvent[];
  /** Stages of the version that was trained, oldest first. */
  readonly versions: readonly registry.VersionChanged[];
  /** Its way into service, oldest first. */
  readonly steps: readonly rollout.RolloutStep[];
}

/** One decision with its evidence and its consequences, or a retraining that something else than drift asked for. */
export interface WhyEntry extends Followed {
  /** Event time, epoch milliseconds UTC. */
  readonly atMs: number;
  /** Null: no Monitor decided this. */
  readonly decision: drift.Decision | null;
  /** The window that was decided on. */
  readonly report: drift.DriftReport | null;
  /** Or the report on labels or estimates. */
  readonly quality: drift.QualityReport | null;
  /** Where the policy comes from. */
  readonly plan: drift.AlarmPlan | null;
}

/** What the topics have of one model, in their order; an event that is there twice counts once. */
export interface WhyEvents {
  readonly decisions: readonly drift.Decision[];
  readonly reports: readonly drift.DriftReport[];
  readonly quality: readonly drift.QualityReport[];
  readonly plans: readonly drift.AlarmPlan[];
  readonly requests: readonly training.RetrainingRequested[];
  readonly jobs: readonly training.JobEvent[];
  readonly versions: readonly registry.VersionChanged[];
  readonly steps: readonly rollout.RolloutStep[];
}

function byId<T extends { readonly id: string }>(events: readonly T[]): ReadonlyMap<string, T> {
  return new Map(events.map((one) => [one.id, one]));
}

const inOrder = <T extends { readonly eventTimeMs: number }>(events: Iterable<T>): readonly T[] =>
  [...events].sort((a, b) => a.eventTimeMs - b.eventTimeMs);

/** What came of a request, by its id. */
function followed(events: WhyEvents, request: training.RetrainingRequested | null, requestId: string): Followed {
  if (requestId === '') return { request, jobs: [], versions: [], steps: [] };
  const own = events.jobs.filter((job) => job.requestId === requestId);
  const jobs = [...new Map(own.map((job) => [`${job.jobId}/${job.state}`, job])).values()];
  const trained = new Set(jobs.map(({ version }) => version).filter((version) => version !== ''));
  const isTrained = (version: string | undefined): boolean => version !== undefined && trained.has(version);
  return {
    request,
    jobs,
    versions: inOrder(byId(events.versions.filter(({ version }) => isTrained(version?.version))).values()),
    steps: inOrder(byId(events.steps.filter(({ version }) => isTrained(version))).values()),
  };
}

/** The newest entries of a model in a period, newest first: every decision, and every retraining that no Monitor decided. */
export function whyChain(events: WhyEvents, period: Period): readonly WhyEntry[] {
  const [reports, quality, plans] = [byId(events.reports), byId(events.quality), byId(events.plans)];
  const requests = byId(events.requests);
  const newest = newestOf<WhyEntry>(period, ({ atMs }) => atMs);
  for (const decision of byId(events.decisions).values()) {
    const { reportId, requestId, policy, eventTimeMs: atMs } = decision;
    newest.add({
      ...{ atMs, decision, report: reports.get(reportId) ?? null, quality: quality.get(reportId) ?? null },
      plan: plans.get(policy?.planId ?? '') ?? null,
      ...followed(events, requests.get(requestId) ?? null, requestId),
    });
  }
  const decided = new Set(events.decisions.map(({ requestId }) => requestId));
  for (const request of requests.values()) {
    if (request.trigger === 'drift' || decided.has(request.id)) continue;
    const none = { decision: null, report: null, quality: null, plan: null };
    newest.add({ atMs: request.eventTimeMs, ...none, ...followed(events, request, request.id) });
  }
  return newest.list();
}
