import {
  inclusionWeight,
  drift,
  outcomes,
  parseResource,
  progress,
  quality,
  quarantineTopic,
  registry,
  rollout,
  serving,
  topics,
  training,
  validTopic,
  type TypedResource,
} from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { ServiceError } from '@everloop/service';
import type { ControlEvents } from './control.ts';
import { DecisionLedger } from './decisions.ts';
import { monthOf, QuarantineFold } from './months.ts';
import { parityRows, Sample } from './parity.ts';
import { QualityFold } from './quality.ts';
import { SourceLedger } from './source-ledger.ts';

/** Version whose scores stand for "never retrained": the first one. */
export const firstVersion = '1';

/** Reads a topic; one that nobody has created yet is empty. */
export async function readRecords(
  bus: Bus,
  names: readonly string[],
  onRecord: (record: BusRecord) => void,
): Promise<void> {
  try {
    await bus.readAll(names, ({ records }) => {
      for (const record of records) onRecord(record);
    });
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'EVL_KAFKA_TOPIC_MISSING')) throw error;
    if (names.length === 1) return;
    for (const name of names) await readRecords(bus, [name], onRecord);
  }
}

export async function readJson<T>(bus: Bus, topic: string, decode: (value: unknown) => T): Promise<T[]> {
  const events: T[] = [];
  await readRecords(bus, [topic], ({ value }) => {
    if (value !== null && value.length > 0) events.push(decode(JSON.parse(value.toString())));
  });
  return events;
}

/** Everything that the control topics hold. */
export async function readControl(bus: Bus): Promise<ControlEvents> {
  return {
    driftReports: await readJson(bus, topics.driftReport, (json) => drift.DriftReport.fromJSON(json)),
    qualityReports: await readJson(bus, topics.driftQuality, (json) => drift.QualityReport.fromJSON(json)),
    requests: await readJson(bus, topics.retrainingRequested, (json) => training.RetrainingRequested.fromJSON(json)),
    jobs: await readJson(bus, topics.trainingJob, (json) => training.JobEvent.fromJSON(json)),
    versions: await readJson(bus, topics.modelVersion, (json) => registry.VersionChanged.fromJSON(json)),
    routes: await readJson(bus, topics.route, (json) => rollout.Route.fromJSON(json)),
    windows: await readJson(bus, topics.qualityReport, (json) => quality.WindowReport.fromJSON(json)),
    // How far Sources are judged is in the same topic, and has no id.
    holds: (await readJson(bus, topics.qualityHold, (json) => quality.Hold.fromJSON(json))).filter(
      ({ id }) => id !== '',
    ),
    steps: await readJson(bus, topics.rolloutStep, (json) => rollout.RolloutStep.fromJSON(json)),
  };
}

/** The newest revision of every applied resource. */
export async function readResources(bus: Bus): Promise<readonly TypedResource[]> {
  const newest = new Map<string, registry.Resource>();
  for (const resource of await readJson(bus, topics.resources, (json) => registry.Resource.fromJSON(json))) {
    newest.set(`${resource.kind}/${resource.name}`, resource);
  }
  return [...newest.values()].map((resource) => parseResource(resource));
}

/** Event time that the whole loop has passed, from the last stage's progress; null when nothing was reported. */
export async function readClock(bus: Bus): Promise<number | null> {
  const reports = await readJson(bus, topics.progress, (json) => progress.Progress.fromJSON(json));
  const ends = reports.filter(({ service, stage }) => service === 'gateway' && stage === 'routes');
  return ends.length === 0 ? null : Math.max(...ends.map(({ watermarkMs }) => watermarkMs));
}

/** What the prediction logs and the settled outcomes add up to. */
export interface PredictionLogs {
  readonly decisions: DecisionLedger;
  readonly quality: QualityFold;
  /** Served predictions by month. */
  readonly predictions: ReadonlyMap<string, number>;
  readonly sample: readonly serving.Inference[];
}

async function size(bus: Bus, topic: string): Promise<number> {
  try {
    const offsets = await bus.offsets(topic);
    return offsets.reduce((sum, { low, high }) => sum + Number(high - low), 0);
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'EVL_KAFKA_TOPIC_MISSING') return 0;
    throw error;
  }
}

/** Reads the logs of predictions and outcomes once. `model`: whose quality is reported; `shares`: what Models log of theirs, (0, 1]. */
export async function readPredictions(
  bus: Bus,
  model: string,
  shares: readonly number[] = [],
): Promise<PredictionLogs> {
  const decisions = new DecisionLedger(shares);
  const quality = new QualityFold();
  const predictions = new Map<string, number>();
  const sample = new Sample(parityRows, await size(bus, topics.inferenceServed));
  await readRecords(bus, [topics.inferenceServed, topics.inferenceShadowed], ({ value, topic }) => {
    if (value === null) return;
    const inference = serving.Inference.decode(value);
    decisions.addInference(inference);
    if (topic !== topics.inferenceServed) return;
    const month = monthOf(inference.eventTimeMs);
    predictions.set(month, (predictions.get(month) ?? 0) + inclusionWeight(inference));
    if (inference.model === model) sample.add(inference);
  });
  await readRecords(bus, [topics.outcomeSettled], ({ value }) => {
    if (value === null) return;
    const outcome = outcomes.Outcome.decode(value);
    decisions.addOutcome(outcome);
    if (outcome.model !== model || outcome.kind === outcomes.OutcomeKind.EXPIRED) return;
    quality.add({
      joinKey: outcome.joinKey,
      span: monthOf(outcome.predictedAtMs),
      score: outcome.score,
      label: outcome.label,
      isServed: outcome.arm !== 'shadow',
      isFirst: outcome.modelVersion === firstVersion,
    });
  });
  return { decisions, quality, predictions: rounded(predictions), sample: sample.rows() };
}

/** What weighted records add up to, in whole predictions. */
function rounded(counts: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...counts].map(([key, count]) => [key, Math.round(count)]));
}

/** Reads every source topic and its two outputs once. */
export async function readSources(
  bus: Bus,
  sourceTopics: readonly string[],
): Promise<{ readonly ledgers: readonly SourceLedger[]; readonly quarantine: QuarantineFold }> {
  const ledgers: SourceLedger[] = [];
  const quarantine = new QuarantineFold();
  for (const topic of sourceTopics) {
    const ledger = new SourceLedger(topic);
    const [valid, quarantined] = [validTopic(topic), quarantineTopic(topic)];
    await readRecords(bus, [topic, valid, quarantined], (record) => {
      if (record.topic === topic) ledger.addRaw(record.partition, record.offset, record.headers['evl-replay-of']);
      else if (record.topic === valid) ledger.addOutput('valid', record.headers['evl-src']);
      else {
        ledger.addOutput('quarantine', record.headers['evl-src']);
        quarantine.add(record.headers);
      }
    });
    ledgers.push(ledger);
  }
  return { ledgers, quarantine };
}
