/**
 * Every topic that Everloop itself owns. Source topics are named by their `Source`; for each of them `validTopic`,
 * `quarantineTopic` and `qualityTopic` name those that the validator writes.
 */
export const topics = {
  /** Applied resources, compacted, JSON `registry.v1.Resource`, key `<kind>/<name>`. One partition. */
  resources: 'everloop.resources',
  /** Event time that has passed at the applications' side; only watermark markers. Written by whoever owns the clock of a replay. One partition. */
  clock: 'everloop.clock.v1',
  /** How far each stage has come, JSON `progress.v1.Progress`. One partition. */
  progress: 'everloop.progress.advanced.v1',
  /** Predictions that were answered, binary `serving.v1.Inference`, key = join key. Partitions as the label source. */
  inferenceServed: 'everloop.inference.served.v1',
  /** Requests that nobody waits for, JSON: the body of `POST /v1/models/{model}:predict` with `model`. Eight partitions; any key. */
  predictRequest: 'everloop.predict.request.v1',
  /** Their answers, each once, JSON `{ id, prediction }` or `{ id, error }`: key and partition of the request. Partitions as the requests. */
  predictAnswer: 'everloop.predict.answer.v1',
  /** How far each gateway's journal is in Kafka, compacted; the gateways' own state, key `<journal>/position`. One partition. */
  gatewayJournal: 'everloop.gateway.journal.v1',
  /** Predictions of shadows, binary `serving.v1.Inference`, key = join key. Partitions as the label source. */
  inferenceShadowed: 'everloop.inference.shadowed.v1',
  /** Decisions that wait for a reward, binary `serving.v1.Decision`, key = decision id. Eight partitions. */
  decisionMade: 'everloop.decision.made.v1',
  /** What decisions were worth, JSON `serving.v1.RewardReceived`, key = decision id. Partitions as the decisions. */
  rewardReceived: 'everloop.reward.received.v1',
  /** Decisions with their reward, binary `outcomes.v1.RewardSettled`, key = decision id. Partitions as the decisions. */
  rewardSettled: 'everloop.reward.settled.v1',
  /** Decisions that wait for a reward, and what their arms have earned, compacted; the outcomes service's own state. Partitions as the decisions. */
  rewardPending: 'everloop.reward.pending.v1',
  /** Predictions with their label, binary `outcomes.v1.Outcome`, key = join key. Partitions as the label source. */
  outcomeSettled: 'everloop.outcome.settled.v1',
  /** What batches of outcomes change in whole sums by version, arm, slice and event hour, JSON `outcomes.v1.OutcomeStats`, key = model. One partition. */
  outcomeStats: 'everloop.outcome.stats.v1',
  /** What the arms of a model have earned, compacted, JSON `outcomes.v1.ArmStats`, key = `<model>/<partition>/[<basis>/]<arm>`. One partition. */
  armStats: 'everloop.arm.stats.v1',
  /** Predictions that wait for a label, compacted; the outcomes service's own state. Partitions as the label source. */
  outcomePending: 'everloop.outcome.pending.v1',
  /** Mergeable counts of inputs and scores, binary `drift.v1.Pane`, key = model. One partition. */
  driftPane: 'everloop.drift.pane.v1',
  /** Evaluated windows of inputs and scores, JSON `drift.v1.DriftReport`, key = model. One partition. */
  driftReport: 'everloop.drift.report.v1',
  /** Evaluated windows of outcomes, JSON `drift.v1.QualityReport`, key = model. One partition. */
  driftQuality: 'everloop.drift.quality.v1',
  /** What was decided on each of both, JSON `drift.v1.Decision`, key = model. One partition. */
  driftDecision: 'everloop.drift.decision.v1',
  /** How Monitors with an alarm budget will behave, compacted, JSON `drift.v1.AlarmPlan`, key = `<monitor>/<baseline version>`. One partition. */
  driftPlan: 'everloop.drift.plan.v1',
  /** The drift detector's own state, compacted: keys `<stage>/…`. One partition. */
  driftState: 'everloop.drift.state.v1',
  /** JSON `drift.v1.DriftAlert`, key = model. One partition. */
  driftAlert: 'everloop.drift.alert.v1',
  /** Judged windows of Sources, JSON `quality.v1.WindowReport`, key = Source. One partition. */
  qualityReport: 'everloop.quality.report.v1',
  /**
   * Data that must not train, compacted: JSON `quality.v1.Hold`, key = its id, and how far each Source is judged, JSON
   * `quality.v1.SourceJudged`, key = `judged/<source>`. One partition.
   */
  qualityHold: 'everloop.quality.hold.v1',
  /** Reasons to retrain, JSON `training.v1.RetrainingRequested`, key = model. One partition. */
  retrainingRequested: 'everloop.retraining.requested.v1',
  /** JSON `training.v1.JobEvent`, key = model. One partition. */
  trainingJob: 'everloop.training.job.v1',
  /** JSON `registry.v1.VersionChanged`, key = model. One partition. */
  modelVersion: 'everloop.model.version.v1',
  /** Current routes, compacted, JSON `rollout.v1.Route`, key = model. One partition. */
  route: 'everloop.rollout.route.v1',
  /** Quarantined records that were sent back to their source, compacted, key = `<source topic>/<partition>/<offset>` in the quarantine. One partition. */
  quarantineReplayed: 'everloop.quarantine.replayed.v1',
  /** JSON `rollout.v1.RolloutStep`, key = model. One partition. */
  rolloutStep: 'everloop.rollout.step.v1',
  /** How far each batch source was read, compacted; the ingest service's own state, keys `<source>/…`. Eight partitions. */
  ingestPosition: 'everloop.ingest.position.v1',
  /** What became of files and rows of batch sources, JSON `ingest.v1.IngestEvent`, key = source. One partition. */
  ingestEvent: 'everloop.ingest.event.v1',
} as const;

/** Partitions of the topics of decisions and rewards, however many the label sources have: they meet by decision id. */
export const decisionPartitions = 8;

/** Topic of the records of a source topic that satisfied its contract: same partitions, keys and bytes. */
export function validTopic(sourceTopic: string): string {
  return `${sourceTopic}.valid`;
}

/** Consumer group whose committed offsets say how far a Source's topic is judged. */
export function validatorGroup(source: string): string {
  return `everloop.validator.${source}`;
}

/** Topic of the records of a source topic that broke its contract: original bytes, with the reasons in headers. */
export function quarantineTopic(sourceTopic: string): string {
  return `${sourceTopic}.quarantine`;
}

/**
 * Topic with the statistics of a source topic that its window rules are judged on: binary `quality.v1.PaneBatch`, and JSON
 * `quality.v1.Definition` and `quality.v1.ReleaseHold`; which, the header `ce_type` says (`qualityTypes`). One partition.
 */
export function qualityTopic(sourceTopic: string): string {
  return `${sourceTopic}.quality`;
}

/** Types of the events of a `<topic>.quality`. */
export const qualityTypes = {
  definition: 'everloop.quality.definition.v1',
  pane: 'everloop.quality.pane.v1',
  release: 'everloop.quality.release.v1',
} as const;

/** Topic in which the validator remembers what must be unique in a source topic, compacted: same partitions. */
export function uniqueTopic(sourceTopic: string): string {
  return `everloop.source.unique.v1.${sourceTopic}`;
}
