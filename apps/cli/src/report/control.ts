import type { drift, quality, registry, rollout } from '@everloop/contracts';
import { championWeight, training } from '@everloop/contracts';
import type { LedgerCheck } from './types.ts';

/** Everything that the control topics say, in order. */
export interface ControlEvents {
  readonly driftReports: readonly drift.DriftReport[];
  readonly qualityReports: readonly drift.QualityReport[];
  readonly requests: readonly training.RetrainingRequested[];
  readonly jobs: readonly training.JobEvent[];
  readonly versions: readonly registry.VersionChanged[];
  readonly routes: readonly rollout.Route[];
  readonly steps: readonly rollout.RolloutStep[];
  readonly windows: readonly quality.WindowReport[];
  readonly holds: readonly quality.Hold[];
}

const terminal: ReadonlySet<training.JobState> = new Set([
  training.JobState.SUCCEEDED,
  training.JobState.FAILED,
  training.JobState.SKIPPED,
]);

/** A job's last word; a request has exactly one. */
export function isTerminal(job: training.JobEvent): boolean {
  return terminal.has(job.state);
}

const key = (model: string, version: string): string => `${model}/${version}`;

/** Versions, as `<model>/<version>`, that passed their gates. */
export function approvedVersions(events: ControlEvents): ReadonlySet<string> {
  const approved = new Set<string>();
  for (const job of events.jobs) if (job.versionStage === 'approved') approved.add(key(job.model, job.version));
  for (const { version } of events.versions) {
    if (version?.stage === 'approved') approved.add(key(version.model, version.version));
  }
  return approved;
}

function listed(problems: readonly string[]): string {
  const shown = problems.slice(0, 5).join('; ');
  return problems.length > 5 ? `${shown}; and ${String(problems.length - 5)} more` : shown;
}

function check(name: string, count: number, problems: readonly string[]): LedgerCheck {
  return {
    name,
    ok: problems.length === 0,
    detail: problems.length === 0 ? `${String(count)} checked` : listed(problems),
  };
}

function requestCheck(events: ControlEvents): LedgerCheck {
  const ends = new Map<string, number>();
  for (const job of events.jobs) if (isTerminal(job)) ends.set(job.requestId, (ends.get(job.requestId) ?? 0) + 1);
  const problems = events.requests.flatMap(({ id }) => {
    const count = ends.get(id) ?? 0;
    return count === 1 ? [] : [`request ${id} ended ${String(count)} times`];
  });
  const repeated = events.requests.length - new Set(events.requests.map(({ id }) => id)).size;
  if (repeated > 0) problems.push(`${String(repeated)} requests were written twice`);
  return check('every request to retrain ended once', events.requests.length, problems);
}

function promotionCheck(events: ControlEvents, approved: ReadonlySet<string>): LedgerCheck {
  const started = events.steps.filter(({ action }) => action === 'canary' || action === 'promoted');
  const problems = started.flatMap(({ model, version, action }) =>
    approved.has(key(model, version)) ? [] : [`${action} of ${key(model, version)}, which was never approved`],
  );
  return check('only approved versions were rolled out', started.length, problems);
}

function routeProblem(route: rollout.Route, approved: ReadonlySet<string>): string | null {
  const where = `route ${route.model} revision ${route.revision}`;
  if (!approved.has(key(route.model, route.championVersion)))
    return `${where}: champion ${route.championVersion} was never approved`;
  for (const { version } of route.challengers) {
    if (!approved.has(key(route.model, version))) return `${where}: challenger ${version} was never approved`;
  }
  const weight = championWeight(route);
  if (weight < 0) return `${where}: its challengers take ${String(1 - weight)} of the requests`;
  return null;
}

/** The topic is compacted: older routes may be gone, but those left must grow in revision and never go back in time. */
function routeCheck(events: ControlEvents, approved: ReadonlySet<string>): LedgerCheck {
  const problems: string[] = [];
  const newest = new Map<string, rollout.Route>();
  for (const route of events.routes) {
    const problem = routeProblem(route, approved);
    if (problem !== null) problems.push(problem);
    const before = newest.get(route.model);
    if (
      before !== undefined &&
      (Number(route.revision) <= Number(before.revision) || route.eventTimeMs < before.eventTimeMs)
    ) {
      problems.push(`route ${route.model} revision ${route.revision} follows revision ${before.revision}`);
    }
    newest.set(route.model, route);
  }
  return check('every route is valid', events.routes.length, problems);
}

function answerCheck(approved: ReadonlySet<string>, answered: Iterable<string>): LedgerCheck {
  const versions = [...answered];
  const problems = versions.flatMap((version) =>
    approved.has(version) ? [] : [`${version} answered, but was never approved`],
  );
  return check('only approved versions answered', versions.length, problems);
}

/** The ledger's rules about control events. `answeredBy`: versions that answered, as `<model>/<version>`. */
export function controlChecks(events: ControlEvents, answeredBy: Iterable<string>): readonly LedgerCheck[] {
  const approved = approvedVersions(events);
  return [
    requestCheck(events),
    promotionCheck(events, approved),
    routeCheck(events, approved),
    answerCheck(approved, answeredBy),
  ];
}
