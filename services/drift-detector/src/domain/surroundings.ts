import { outcomes, quality, rollout, topics, training } from '@everloop/contracts';
import type { Facts, RequestEnd } from '@everloop/drift';

/** What other services have said that matters to a retraining. Changed in place by `hear`. */
export interface Surroundings {
  /** By id. */
  readonly holds: Map<string, quality.Hold>;
  /** The last steps of each model's rollouts, in order. */
  readonly steps: Map<string, readonly rollout.RolloutStep[]>;
  /** The champion of each model, as last promoted. */
  readonly champions: Map<string, string>;
  /** Event time up to which the data of a version goes, by `<model>/<version>`. */
  readonly trainedUntilMs: Map<string, number>;
  /** Retrainings that have not ended: by request id, of which model, since which event time, and in words. */
  readonly open: Map<string, { readonly model: string; readonly sinceMs: number; readonly text: string }>;
  readonly ends: Map<string, RequestEnd>;
  /** Labelled predictions by model and event hour. */
  readonly labelled: Map<string, Map<number, number>>;
}

/** Ended requests, versions and ended holds that are remembered each; far more than a cool-down or a period has. */
const rememberedMax = 10_000;
/** Steps of rollouts that are remembered of a model: those of more than one event time. */
const stepsMax = 32;
/** Event hours of labels that are remembered of a model: more than a year. */
const hoursMax = 10_000;

/** What is listened to, each with one partition. */
export const surroundingTopics = [
  topics.retrainingRequested,
  topics.trainingJob,
  topics.rolloutStep,
  topics.qualityHold,
  topics.outcomeStats,
] as const;

export function createSurroundings(): Surroundings {
  return {
    ...{ holds: new Map(), steps: new Map(), champions: new Map(), trainedUntilMs: new Map() },
    ...{ open: new Map(), ends: new Map(), labelled: new Map() },
  };
}

/** One record of `surroundingTopics`: its key, and its JSON; null for a tombstone. */
export interface Heard {
  readonly topic: string;
  readonly key: string;
  readonly json: unknown;
}

/** Takes one record. Throws when it is not what its topic holds. */
export function hear(known: Surroundings, { topic, key, json }: Heard): void {
  if (topic === topics.qualityHold) {
    if (json === null) known.holds.delete(key);
    // How far Sources are judged is in the same topic.
    else if (!key.startsWith('judged/')) remember(known.holds, key, quality.Hold.fromJSON(json));
    return;
  }
  if (json === null) return;
  if (topic === topics.retrainingRequested) hearRequest(known, training.RetrainingRequested.fromJSON(json));
  else if (topic === topics.trainingJob) hearJob(known, training.JobEvent.fromJSON(json));
  else if (topic === topics.rolloutStep) hearStep(known, rollout.RolloutStep.fromJSON(json));
  else hearStats(known, outcomes.OutcomeStats.fromJSON(json));
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > rememberedMax ? map.keys().next() : undefined;
  if (oldest?.done === false) map.delete(oldest.value);
}

function hearRequest(known: Surroundings, { id, model, trigger, eventTimeMs }: training.RetrainingRequested): void {
  // The end may have been read before: the topics are read one after the other.
  const text = `request ${id} (${trigger}) has not ended`;
  if (!known.ends.has(id)) remember(known.open, id, { model, sinceMs: eventTimeMs, text });
}

function hearJob(known: Surroundings, job: training.JobEvent): void {
  const { requestId, model, trigger, state, version } = job;
  if (state === training.JobState.STARTED) {
    const text = `job ${job.jobId} (${trigger}) runs`;
    if (!known.ends.has(requestId)) remember(known.open, requestId, { model, sinceMs: job.eventTimeMs, text });
    return;
  }
  known.open.delete(requestId);
  const isTrained = state === training.JobState.SUCCEEDED;
  const end = job.versionStage === 'approved' ? 'approved' : 'rejected';
  remember(known.ends, requestId, isTrained ? end : 'none');
  if (isTrained) remember(known.trainedUntilMs, `${model}/${version}`, job.eventTimeMs);
}

function hearStep(known: Surroundings, step: rollout.RolloutStep): void {
  known.steps.set(step.model, [...(known.steps.get(step.model) ?? []), step].slice(-stepsMax));
  if (step.action === 'promoted') known.champions.set(step.model, step.version);
}

function hearStats(known: Surroundings, { model, slice, arm, labelled, hourMs }: outcomes.OutcomeStats): void {
  // Slices overlap, and a shadow's labels are those of the prediction that was served.
  if (slice !== '' || arm === 'shadow' || labelled === 0) return;
  const hours = known.labelled.get(model) ?? new Map<number, number>();
  known.labelled.set(model, hours);
  hours.set(hourMs, (hours.get(hourMs) ?? 0) + labelled);
  if (hours.size > hoursMax) hours.delete(Math.min(...hours.keys()));
}

/** Whose facts are wanted, and when. */
export interface FactsQuery {
  readonly model: string;
  /** Sources that a training of the model reads. */
  readonly sources: readonly string[];
  /** Event time, epoch milliseconds UTC. */
  readonly atMs: number;
}

const underWay: ReadonlySet<string> = new Set(['canary', 'advanced', 'held']);

/**
 * What is known about a model as of an event time: of rollouts and trainings what happened before it. What happens at the same event time may be written
 * before or after, by chance of the wall clock, and must not decide. O(holds + open requests + hours).
 */
export function factsOf(known: Surroundings, { model, sources, atMs }: FactsQuery): Facts {
  const step = known.steps.get(model)?.findLast(({ eventTimeMs }) => eventTimeMs < atMs);
  const isRolling = step !== undefined && underWay.has(step.action);
  const sinceMs = known.trainedUntilMs.get(`${model}/${known.champions.get(model) ?? ''}`) ?? -Infinity;
  let labelledRows = 0;
  for (const [hourMs, rows] of known.labelled.get(model) ?? []) if (hourMs >= sinceMs) labelledRows += rows;
  return {
    holds: openHolds(known, sources, atMs),
    rollout: isRolling ? `version ${step.version} is on trial (${step.action}, weight ${step.canaryWeight})` : null,
    training: [...known.open.values()]
      .filter((one) => one.model === model && one.sinceMs < atMs)
      .map(({ text }) => text),
    labelledRows,
    ends: known.ends,
  };
}

/** As the trainer has it: from the end of the window that opened a hold until the event time at which it ended. */
function openHolds(known: Surroundings, sources: readonly string[], atMs: number): readonly string[] {
  return [...known.holds.values()]
    .filter(({ source, openedAtMs, state, closedAtMs }) => {
      if (!sources.includes(source) || openedAtMs > atMs) return false;
      return state === quality.HoldState.OPEN || closedAtMs > atMs;
    })
    .map(({ id, source, window, rules }) => `hold ${id} of ${source}/${window} (${rules.join(', ')})`)
    .sort();
}
