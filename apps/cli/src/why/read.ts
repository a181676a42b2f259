import { drift, listNames, nearest, registry, rollout, topics, training } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { badInput } from '../errors.ts';
import { readRecords, readResources } from '../report/read-logs.ts';
import { whyChain, type WhyEntry } from './chain.ts';
import { isWanted, isWithin, noCounts, outcomeName, type OutcomeCounts } from './counts.ts';
import { newestOf, type Period } from './newest.ts';
import { sinceMsOf, type Since } from './period.ts';

/** What is asked for. */
export interface WhyQuestion {
  readonly model: string;
  /** Decisions of this Monitor only; absent: of all, and retrainings that no Monitor asked for. */
  readonly monitor?: string;
  readonly since?: Since;
  readonly untilMs?: number;
  readonly limit: number;
  /** Without decisions to do nothing; by default with them. */
  readonly isWantedOnly?: boolean;
}

/** The newest decisions of a model and what came of them. */
export interface Why {
  readonly model: string;
  /** Newest first. */
  readonly entries: readonly WhyEntry[];
  /** All of the period, also those beyond the limit and those that are left out. */
  readonly counts: OutcomeCounts;
  /** Decisions to do nothing are left out. */
  readonly isWantedOnly: boolean;
  /** Monitors of the model that are applied, or that have decided. */
  readonly monitors: readonly string[];
}

/** Reads the events of one model; other models' are not even decoded. */
async function readOwn<T>(
  bus: Bus,
  topic: string,
  model: string,
  decode: (json: unknown) => T,
  take: (event: T) => void,
): Promise<void> {
  await readRecords(bus, [topic], ({ key, value }) => {
    if (value === null || value.length === 0 || key?.toString() !== model) return;
    take(decode(JSON.parse(value.toString())));
  });
}

interface Known {
  readonly monitors: readonly string[];
  readonly newestMs: number;
}

/** Whether there is such a model, whose Monitors watch it, and when was decided last. Throws EVL_CLI_INPUT_INVALID with the nearest name. */
async function known(bus: Bus, model: string, monitor: string | undefined): Promise<Known> {
  const resources = await readResources(bus);
  const models = new Set(resources.flatMap((one) => (one.kind === 'Model' ? [one.name] : [])));
  const monitors = new Set(
    resources.flatMap((one) => (one.kind === 'Monitor' && one.spec.model === model ? [one.name] : [])),
  );
  let newestMs = -Infinity;
  await readRecords(bus, [topics.driftDecision], ({ key, value }) => {
    if (value === null || key === null) return;
    models.add(key.toString());
    if (key.toString() !== model) return;
    const decision = drift.Decision.fromJSON(JSON.parse(value.toString()));
    monitors.add(decision.monitor);
    newestMs = Math.max(newestMs, decision.eventTimeMs);
  });
  await readRecords(bus, [topics.retrainingRequested], ({ key }) => {
    if (key !== null) models.add(key.toString());
  });
  if (!models.has(model)) throw unknownName('Model', model, models);
  if (monitor !== undefined && !monitors.has(monitor)) throw unknownName(`Monitor of "${model}"`, monitor, monitors);
  return { monitors: [...monitors].sort(), newestMs };
}

function unknownName(what: string, name: string, candidates: ReadonlySet<string>): Error {
  const meant = nearest(name, candidates);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return badInput(`there is no ${what} called "${name}"${hint}; there are: ${listNames([...candidates].sort())}`);
}

/** Reads why a model was retrained, or was not. Memory grows with the limit and with the retrainings of the model. O(control topics). */
export async function readWhy(bus: Bus, question: WhyQuestion): Promise<Why> {
  const { model, monitor, limit, since, untilMs = Infinity, isWantedOnly = false } = question;
  const { monitors, newestMs } = await known(bus, model, monitor);
  const period: Period = { sinceMs: sinceMsOf(since, newestMs), untilMs, limit };
  const counts = noCounts();
  const decisions = newestOf<drift.Decision>(period, ({ eventTimeMs }) => eventTimeMs);
  const isOwn = (one: drift.Decision): boolean => monitor === undefined || one.monitor === monitor;
  await readOwn(
    bus,
    topics.driftDecision,
    model,
    (json) => drift.Decision.fromJSON(json),
    (one) => {
      if (!isOwn(one) || !isWithin(period, one.eventTimeMs)) return;
      counts[outcomeName(one.outcome)] += 1;
      if (!isWantedOnly || isWanted(one)) decisions.add(one);
    },
  );
  const requests: training.RetrainingRequested[] = [];
  await readOwn(
    bus,
    topics.retrainingRequested,
    model,
    (json) => training.RetrainingRequested.fromJSON(json),
    (one) => {
      if (one.trigger !== 'drift' && (monitor !== undefined || !isWithin(period, one.eventTimeMs))) return;
      if (one.trigger !== 'drift') counts.others += 1;
      requests.push(one);
    },
  );
  const consequences = await readConsequences(bus, model);
  const evidence = await readEvidence(bus, model, decisions.list());
  const events = { decisions: decisions.list().toReversed(), requests, ...consequences, ...evidence };
  return { model, monitors, counts, isWantedOnly, entries: whyChain(events, period) };
}

async function readConsequences(bus: Bus, model: string) {
  const jobs: training.JobEvent[] = [];
  const versions: registry.VersionChanged[] = [];
  const steps: rollout.RolloutStep[] = [];
  await readOwn(
    bus,
    topics.trainingJob,
    model,
    (json) => training.JobEvent.fromJSON(json),
    (one) => jobs.push(one),
  );
  await readOwn(
    bus,
    topics.modelVersion,
    model,
    (json) => registry.VersionChanged.fromJSON(json),
    (one) => versions.push(one),
  );
  await readOwn(
    bus,
    topics.rolloutStep,
    model,
    (json) => rollout.RolloutStep.fromJSON(json),
    (one) => steps.push(one),
  );
  return { jobs, versions, steps };
}

async function readEvidence(bus: Bus, model: string, decisions: readonly drift.Decision[]) {
  const wanted = new Set(decisions.map(({ reportId }) => reportId));
  const planIds = new Set(decisions.map(({ policy }) => policy?.planId ?? ''));
  const reports: drift.DriftReport[] = [];
  const quality: drift.QualityReport[] = [];
  const plans: drift.AlarmPlan[] = [];
  await readOwn(
    bus,
    topics.driftReport,
    model,
    (json) => drift.DriftReport.fromJSON(json),
    (one) => {
      if (wanted.has(one.id)) reports.push(one);
    },
  );
  await readOwn(
    bus,
    topics.driftQuality,
    model,
    (json) => drift.QualityReport.fromJSON(json),
    (one) => {
      if (wanted.has(one.id)) quality.push(one);
    },
  );
  await readRecords(bus, [topics.driftPlan], ({ value }) => {
    if (value === null || value.length === 0) return;
    const plan = drift.AlarmPlan.fromJSON(JSON.parse(value.toString()));
    if (planIds.has(plan.id)) plans.push(plan);
  });
  return { reports, quality, plans };
}
