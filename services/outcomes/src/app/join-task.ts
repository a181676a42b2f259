import { encodeEvent, eventId, outcomes, topics, type CompiledSlice, type SourceSpec } from '@everloop/contracts';
import type { Batch, BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { createFieldReader, schemaRegistries, type FieldReader, type RegistryOf } from '@everloop/records';
import { addRewards, type Arms } from '../domain/arms.ts';
import {
  armKey,
  decodeArm,
  decodeEntry,
  decodeHeld,
  decodeInference,
  encodeArm,
  encodeEntry,
  encodeHeld,
  encodeOutcome,
  isArmKey,
  isLabelKey,
  labelKey,
} from '../domain/codec.ts';
import { onLabels, onPredictions, onWatermark } from '../domain/join.ts';
import { createJoinState, keep, keepLabels, stateSize, type JoinRule, type JoinState } from '../domain/join-state.ts';
import { readLabel, type LabelRule } from '../domain/label.ts';
import { slicesOf } from '../domain/slices.ts';
import { summarise } from '../domain/stats.ts';
import type { Changes, Label, Prediction } from '../domain/types.ts';
import { stateFull, undecodable } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';

/** What one runner joins. */
export interface Join {
  readonly model: string;
  readonly joinRule: JoinRule;
  /** Valid topic of the label's source. */
  readonly labelTopic: string;
  /** How labels are encoded. */
  readonly labelFormat: Pick<SourceSpec, 'format' | 'schemaRegistry'>;
  readonly rule: LabelRule;
  readonly slices: readonly CompiledSlice[];
}

export interface JoinTaskOptions {
  readonly join: Join;
  readonly partition: number;
  /** Most predictions and join keys held. */
  readonly stateMax: number;
  readonly telemetry: Telemetry;
  /** Schema registries of Sources in a wire format; by default those that need no credentials. */
  readonly registryOf?: RegistryOf;
}

/** The task of one partition: decode, join, write what changed. */
export interface JoinTask extends TaskHandler {
  /** Takes the newest records of the changelog. */
  restore(records: readonly BusRecord[]): void;
}

export function createJoinTask(options: JoinTaskOptions): JoinTask {
  const { join, partition, telemetry, registryOf = schemaRegistries({}) } = options;
  const reader = createFieldReader(join.labelFormat, registryOf);
  const state = createJoinState(join.joinRule);
  const arms: Arms = new Map();
  const finish = (changes: Changes, cause: string, context: TaskContext): void => {
    write(join, changes, cause, context);
    // Rewards of labels are for those of two classes: a number has no largest error.
    if (join.rule.above !== null) writeArms(join.model, arms, changes, context);
    telemetry.handled(join.model, changes);
    telemetry.holds(join.model, partition, state.held.size, state.labels.size);
  };
  return {
    restore: (records) => restore(state, arms, join.model, records),
    onRecords(batch, context) {
      if (batch.records.length === 0) return undefined;
      const isLabels = batch.topic === join.labelTopic;
      const fetching = isLabels ? reader.prefetch(batch.records) : undefined;
      if (fetching !== undefined) return fetching.then(() => take(batch, context));
      take(batch, context);
      return undefined;
    },
    onWatermark(watermarkMs, context) {
      finish(onWatermark(state, watermarkMs), `watermark/${watermarkMs}/${partition}`, context);
      context.emitWatermark(topics.outcomeSettled, watermarkMs);
      context.emitWatermark(topics.outcomeStats, watermarkMs, 0);
    },
  };

  function take(batch: Batch, context: TaskContext): void {
    const isLabels = batch.topic === join.labelTopic;
    const changes = isLabels ? takeLabels(state, options, reader, batch) : takePredictions(state, join, batch);
    if (stateSize(state) > options.stateMax) throw stateFull(join.model, partition, stateSize(state), options.stateMax);
    finish(changes, `${batch.topic}/${batch.partition}/${batch.records[0]?.offset ?? 0n}`, context);
  }
}

function takePredictions(state: JoinState, join: Join, batch: Batch): Changes {
  const predictions: Prediction[] = [];
  for (const record of batch.records) {
    if (record.value === null) continue;
    const prediction = decoded(record, (bytes) =>
      decodeInference(bytes, (inference) => (inference.model === join.model ? slicesOf(join.slices, inference) : [])),
    );
    if (prediction.model === join.model) predictions.push(prediction);
  }
  return onPredictions(state, predictions);
}

function takeLabels(state: JoinState, options: JoinTaskOptions, reader: FieldReader, batch: Batch): Changes {
  const labels: Label[] = [];
  let unusable = 0;
  for (const record of batch.records) {
    const label = readLabel(options.join.rule, reader.read(record));
    if (label === null) unusable += 1;
    else labels.push(label);
  }
  if (unusable > 0) options.telemetry.unusableLabels(options.join.model, unusable);
  return onLabels(state, labels);
}

function decoded<T>(record: BusRecord, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(record.value ?? Buffer.alloc(0));
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

const hourMs = 3_600_000;

/** One for each group of `summarise`. */
function statsId({ model, modelVersion, arm, hourMs: hour, slice, settledAtMs }: outcomes.OutcomeStats, cause: string) {
  const settledHour = slice === '' ? Math.floor(settledAtMs / hourMs) : 0;
  return eventId('outcome-stats', model, modelVersion, arm, String(hour), slice, String(settledHour), cause);
}

/** Emits outcomes, their sums and the changelog. */
function write(
  { model, joinRule: { waitMs }, rule }: Join,
  changes: Changes,
  cause: string,
  context: TaskContext,
): void {
  const { partition } = context;
  for (const settled of changes.settled) {
    const value = Buffer.from(encodeOutcome(settled, waitMs));
    context.emit({ topic: topics.outcomeSettled, partition, key: settled.prediction.joinKey, value });
  }
  for (const stats of summarise(changes, { waitMs, isNumeric: rule.above === null })) {
    const event = encodeEvent({
      id: statsId(stats, cause),
      type: topics.outcomeStats,
      source: 'everloop/outcomes',
      subject: model,
      eventTimeMs: Math.max(stats.settledAtMs, stats.hourMs),
      data: outcomes.OutcomeStats.toJSON(stats),
    });
    context.emit({ topic: topics.outcomeStats, partition: 0, key: model, ...event });
  }
  for (const [decisionId, held] of changes.held) {
    const value = held === null ? null : Buffer.from(encodeHeld(held));
    context.emit({ topic: topics.outcomePending, partition, key: decisionId, value });
  }
  for (const [lookup, entry] of changes.labels) {
    const value = entry === null ? null : encodeEntry(model, entry);
    context.emit({ topic: topics.outcomePending, partition, key: labelKey(model, lookup), value });
  }
}

/** Adds rewards to the totals and emits those that changed: for the gateways, and for the next life of this task. */
function writeArms(model: string, arms: Arms, changes: Changes, context: TaskContext): void {
  const { partition } = context;
  for (const [arm, totals] of addRewards(arms, changes.settled)) {
    const value = encodeArm(model, partition, arm, totals);
    context.emit({ topic: topics.armStats, partition: 0, key: `${model}/${partition}/${arm}`, value });
    context.emit({ topic: topics.outcomePending, partition, key: armKey(model, arm), value });
  }
}

function restore(state: JoinState, arms: Arms, model: string, records: readonly BusRecord[]): void {
  for (const record of records) {
    if (record.value === null || record.key === null) continue;
    if (isArmKey(record.key.toString('utf8'))) {
      const {
        model: owner,
        arm,
        matured,
        rewardNano,
        rewardSquaredMicro,
      } = decoded(record, (bytes) => decodeArm(Buffer.from(bytes).toString('utf8')));
      if (owner === model) arms.set(arm, { matured, rewardNano, rewardSquaredMicro });
    } else if (isLabelKey(record.key.toString('utf8'))) {
      const {
        model: owner,
        lookup,
        entry,
      } = decoded(record, (bytes) => decodeEntry(Buffer.from(bytes).toString('utf8')));
      if (owner === model) keepLabels(state, lookup, entry);
    } else {
      const held = decoded(record, decodeHeld);
      if (held.prediction.model === model) keep(state, held);
    }
  }
}
