import { drift, outcomes, quality, serving, topics, toWire, training } from '@everloop/contracts';
import { day, dayOfRows, hour, monitor } from '@everloop/drift/fixtures';
import { outcomeHourOf, performance, statsOf } from '@everloop/drift/outcomes';
import type { Bus, BusRecord, Follower, OutRecord, Publisher } from '@everloop/kafka';
import { eventually, isolatedBus } from '@everloop/testing';
import { driftTopics } from '../src/app/topology.ts';
import { modelOf, sourceOf } from './resources.ts';

/** Partitions of the log of predictions. */
export const partitions = 3;
/** Predictions of a day. */
export const rowsOfDay = 300;
/** Day in which the inputs move, and the day in which the hold of the Source that stood against a retraining ends. */
const [driftDay, holdEndDay] = [3, 5];

const told = [topics.driftReport, topics.driftQuality, topics.driftDecision, topics.retrainingRequested];

/** Topics of a prefix in which the same days are lived, and what a detector has said there. */
export interface Life {
  readonly bus: Bus;
  readonly publisher: Publisher;
  readonly follower: Follower;
  /** Ids of reports of any kind, and of those that are decided on. */
  readonly reported: Set<string>;
  readonly decided: Set<string>;
  /** Watermarks read, by topic. */
  readonly watermarks: Map<string, number>;
}

/** The topics and what is applied, before anything happens. */
export async function beginLife(inner: Bus, prefix: string): Promise<Life> {
  const bus = isolatedBus(inner, prefix);
  await bus.ensureTopics([{ name: topics.resources, partitions: 1, compacted: true }, ...driftTopics(partitions)]);
  const publisher = bus.publisher({ name: 'test' });
  await publisher.start();
  const budget = { falseRetrainings: 1, perMs: 30 * day };
  const { spec } = monitor({ windowMs: day, minRows: 100, coolDownMs: 2 * day, performance, budget });
  const resources = [
    toWire({ kind: 'Monitor', name: 'watch', revision: 1, spec }),
    toWire({ kind: 'Source', name: 'arrived', revision: 1, spec: sourceOf(partitions) }),
    toWire({ kind: 'Model', name: 'm', revision: 1, spec: modelOf(6 * hour) }),
  ];
  await publisher.publish(
    resources.map((one) => ({ topic: topics.resources, key: `${one.kind}/${one.name}`, value: JSON.stringify(one) })),
  );
  const [reported, decided] = [new Set<string>(), new Set<string>()];
  const watermarks = new Map<string, number>();
  const follower = bus.follow({
    topics: told,
    from: 'beginning',
    onRecord({ topic, value }) {
      const { id, reportId } = JSON.parse(String(value)) as { readonly id: string; readonly reportId?: string };
      if (topic === topics.driftDecision) decided.add(reportId ?? '');
      else if (topic !== topics.retrainingRequested) reported.add(id);
    },
    onWatermark: (topic, watermarkMs) => void watermarks.set(topic, watermarkMs),
  });
  await follower.start();
  return { bus, publisher, follower, reported, decided, watermarks };
}

/** All predictions of a day, in order of time. */
function predictionsOf(number: number): readonly OutRecord[] {
  const rows = dayOfRows(number + 1, number * day, rowsOfDay, number < driftDay ? 0 : 0.4);
  return rows.map((row) => ({
    topic: topics.inferenceServed,
    key: row.joinKey,
    value: Buffer.from(serving.Inference.encode(row).finish()),
  }));
}

function holdUntil(number: number): OutRecord {
  const isOpen = number < holdEndDay;
  const hold = quality.Hold.fromPartial({
    ...{ id: 'hold', source: 'arrived', topic: 'arrived', window: 'day', rules: ['rows'], openedAtMs: driftDay * day },
    state: isOpen ? quality.HoldState.OPEN : quality.HoldState.CLOSED,
    closedAtMs: isOpen ? 0 : number * day,
  });
  return { topic: topics.qualityHold, key: 'hold', value: JSON.stringify(quality.Hold.toJSON(hold)) };
}

/** Publishes the first or second half of a day's predictions; with the second its end. */
export async function publishPredictions({ publisher }: Life, number: number, half: 0 | 1): Promise<void> {
  const rows = predictionsOf(number);
  await publisher.publish(rows.slice((half * rows.length) / 2, ((half + 1) * rows.length) / 2));
  if (half === 1) await publisher.publishWatermark(topics.inferenceServed, (number + 1) * day);
}

/** Publishes the first or second half of what happens to the labels of a day, and around the model: a hold begins and ends. With the second its end. */
export async function publishOutcomes({ publisher }: Life, number: number, half: 0 | 1): Promise<void> {
  if (half === 0 && number >= driftDay - 1) await publisher.publish([holdUntil(number + 1)]);
  const fromHour = number * 24 + half * 12;
  for (let at = fromHour; at < fromHour + 12; at += 1) {
    const stats = statsOf(outcomeHourOf(at + 1, at, { wrong: number < driftDay ? 0 : 3 }));
    await publisher.publish([
      { topic: topics.outcomeStats, key: 'm', value: JSON.stringify(outcomes.OutcomeStats.toJSON(stats)) },
    ]);
  }
  if (half === 1) await publisher.publishWatermark(topics.outcomeStats, (number + 1) * day);
}

/** Ends every retraining that was asked for and has no end yet, with a version that fails its gates. */
export async function endRetrainings({ bus, publisher }: Life, atMs: number): Promise<void> {
  const ended = new Set((await read(bus, topics.trainingJob)).map(({ key }) => String(key)));
  for (const { value } of await read(bus, topics.retrainingRequested)) {
    const { id, model } = training.RetrainingRequested.fromJSON(JSON.parse(String(value)));
    if (ended.has(id)) continue;
    const job = training.JobEvent.fromPartial({
      ...{ jobId: `job-${id}`, requestId: id, model, trigger: 'drift', eventTimeMs: atMs },
      ...{ state: training.JobState.SUCCEEDED, version: '2', versionStage: 'rejected' },
    });
    await publisher.publish([
      { topic: topics.trainingJob, key: id, value: JSON.stringify(training.JobEvent.toJSON(job)) },
    ]);
  }
}

/** Waits until every report has its decision, and `topic` its watermark: the clock of a run that waits for its loop. */
export async function lived(life: Life, topic: string, watermarkMs: number): Promise<void> {
  const { reported, decided, watermarks } = life;
  const isLived = (): boolean =>
    (watermarks.get(topic) ?? -Infinity) >= watermarkMs && [...reported].every((id) => decided.has(id));
  await eventually(isLived, { timeoutMs: 60_000, what: `${topic} of ${watermarkMs / day} days` });
}

/** Everything in a topic now. */
export async function read(bus: Bus, topic: string): Promise<readonly BusRecord[]> {
  const all: BusRecord[] = [];
  await bus.readAll([topic], ({ records }) => void all.push(...records));
  return all;
}

/** Rows of the panes, by version and hour. */
export async function paneRows(bus: Bus): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  for (const { value } of await read(bus, topics.driftPane)) {
    const { baselineVersion, startMs, rows } = drift.Pane.decode(value ?? Buffer.alloc(0));
    const key = `${baselineVersion} ${startMs / hour}`;
    sums.set(key, (sums.get(key) ?? 0) + rows);
  }
  return new Map([...sums].sort());
}

export async function endLife({ publisher, follower }: Life): Promise<void> {
  await follower.stop();
  await publisher.stop();
}
