import { topics } from '@everloop/contracts';
import type { OutRecord, Publisher } from '@everloop/kafka';
import { pause } from '@everloop/service';
import { addAsks, askAll, noAsks, type AskCounts, type Gateway } from '../client/ask.ts';
import { askedBeforeMs, scheduleOf, type Schedule } from '../data/flights.ts';
import type { FlightTable } from '../data/tables.ts';
import { sourceTopics } from '../producer/events.ts';
import { withOutages, type Outage } from '../producer/outage.ts';
import { sourceRecords } from '../producer/records.ts';
import { orderBy, positionOf, type Ordering, type Timeline } from '../producer/timeline.ts';
import { addProduced, type ProducedCounts, type ReplayCounts } from './counts.ts';
import type { ProgressBoard } from './progress.ts';
import { awaitStage, type WaitLimits } from './stall.ts';

export interface ReplayOptions {
  /** Event time to cover, [fromMs, untilMs), epoch milliseconds UTC. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Event time of one step, milliseconds. */
  readonly stepMs: number;
  /** Event time advances so many times as fast as the wall clock; null is as fast as the loop keeps up. */
  readonly speed: number | null;
  /**
   * Publish the events of the next step while the loop finishes this one. Reads are as of the request's time, so nothing changes as
   * long as a step is at most half of what the feature store keeps to read behind.
   */
  readonly ahead: boolean;
  readonly limits: WaitLimits;
  /** Days on which an upstream system is broken. */
  readonly outages: readonly Outage[];
}

export interface ReplayDeps {
  readonly flights: FlightTable;
  readonly timeline: Timeline;
  readonly publisher: Publisher;
  readonly gateway: Gateway;
  readonly board: ProgressBoard;
  /** Partitions of each source topic, to count markers. */
  readonly partitions: Readonly<Record<string, number>>;
  readonly say: (text: string) => void;
  /** After each step. */
  readonly onStep: (counts: ReplayCounts) => void;
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** A replay of the flights in steps of event time, each ended only when the whole loop has dealt with it. */
export class Replay {
  readonly #deps: ReplayDeps;
  readonly #options: ReplayOptions;
  readonly #asks: Ordering;
  readonly #produced: Record<string, ProducedCounts> = {};
  readonly #startedAtMs: number;
  #predictions: AskCounts = noAsks;
  #steps = 0;
  #stepsWithoutModel = 0;
  #reachedMs: number;

  constructor(deps: ReplayDeps, options: ReplayOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#startedAtMs = deps.nowMs();
    this.#reachedMs = options.fromMs;
    this.#asks = orderBy(deps.flights.rows, (row) => (deps.flights.schedDepMs[row] ?? Number.NaN) - askedBeforeMs);
  }

  /** What was done until now. */
  counts(): ReplayCounts {
    return {
      complete: this.#reachedMs >= this.#options.untilMs,
      fromMs: this.#options.fromMs,
      untilMs: this.#reachedMs,
      steps: this.#steps,
      stepsWithoutModel: this.#stepsWithoutModel,
      produced: { ...this.#produced },
      predictions: this.#predictions,
      wallSeconds: (this.#deps.nowMs() - this.#startedAtMs) / 1_000,
    };
  }

  /** Runs to the end; rejects with EVL_REPLAY_STALLED when a stage does not move, or with the signal's reason. */
  async run(): Promise<void> {
    const { fromMs, untilMs, stepMs, ahead } = this.#options;
    let published = fromMs;
    const publishTo = async (endMs: number): Promise<void> => {
      if (endMs <= published) return;
      const startMs = published;
      published = endMs;
      await this.#publish(startMs, endMs);
    };
    for (let startMs = fromMs; startMs < untilMs; startMs += stepMs) {
      const endMs = Math.min(startMs + stepMs, untilMs);
      await this.#keepPace(startMs);
      await publishTo(endMs);
      await this.#awaitStage(['feature-store', 'online'], endMs);
      await this.#ask(startMs, endMs);
      await this.#deps.publisher.publishWatermark(topics.clock, endMs);
      await Promise.all([
        this.#awaitStage(['gateway', 'routes'], endMs),
        // Nobody decides on windows between trainings; a report must find them judged.
        this.#awaitStage(['validator', 'windows'], endMs),
        ahead ? publishTo(Math.min(endMs + stepMs, untilMs)) : Promise.resolve(),
      ]);
      this.#steps += 1;
      this.#reachedMs = endMs;
      this.#deps.onStep(this.counts());
    }
  }

  async #keepPace(eventMs: number): Promise<void> {
    const { speed, fromMs } = this.#options;
    if (speed === null) return;
    const dueMs = this.#startedAtMs + (eventMs - fromMs) / speed;
    const waitMs = dueMs - this.#deps.nowMs();
    if (waitMs > 0) await pause(waitMs, this.#deps.signal);
  }

  async #publish(fromMs: number, untilMs: number): Promise<void> {
    const { timeline, publisher, partitions } = this.#deps;
    const records: OutRecord[] = [];
    for (const placed of timeline.between(fromMs, untilMs)) {
      for (const { record, broken } of sourceRecords(withOutages(placed, this.#options.outages))) {
        records.push(record);
        this.#count(record.topic, { records: 1, broken: broken ? 1 : 0, markers: 0 });
      }
    }
    // Order is kept per partition, so the markers need not wait for the records' acknowledgement.
    await Promise.all([
      publisher.publish(records),
      ...sourceTopics.map((topic) => publisher.publishWatermark(topic, untilMs)),
    ]);
    for (const topic of sourceTopics) this.#count(topic, { records: 0, broken: 0, markers: partitions[topic] ?? 0 });
  }

  #count(topic: string, counts: ProducedCounts): void {
    this.#produced[topic] = addProduced(this.#produced[topic], counts);
  }

  async #ask(fromMs: number, untilMs: number): Promise<void> {
    const { flights, gateway } = this.#deps;
    const schedules: Schedule[] = [];
    const end = positionOf(this.#asks, untilMs);
    for (let position = positionOf(this.#asks, fromMs); position < end; position++) {
      schedules.push(scheduleOf(flights, this.#asks.rows[position] ?? 0));
    }
    const counts = await askAll(gateway, schedules);
    if (counts.wanted > 0 && counts.asked === 0) this.#stepsWithoutModel += 1;
    this.#predictions = addAsks(this.#predictions, counts);
  }

  #awaitStage(target: readonly [service: string, stage: string], watermarkMs: number): Promise<void> {
    const { board, say, signal } = this.#deps;
    return awaitStage(board, target, watermarkMs, { limits: this.#options.limits, say, signal });
  }
}
