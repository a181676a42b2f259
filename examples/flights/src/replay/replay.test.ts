import { inference, progress, topics } from '@everloop/contracts';
import type { OutRecord, Publisher } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';
import { smallTables } from '../data/testing.ts';
import { sourceTopics } from '../producer/events.ts';
import { createTimeline } from '../producer/timeline.ts';
import { ProgressBoard } from './progress.ts';
import { Replay, type ReplayOptions } from './replay.ts';

const HOUR_MS = 3_600_000;
const day = Date.UTC(2013, 0, 1);
const tables = smallTables(
  Array.from({ length: 12 }, (_, row) => ({
    schedDepMs: day + (8 + row) * HOUR_MS,
    flight: row,
    depDelay: row,
    elapsed: 244,
    arrDelay: row,
  })),
  [day + 9 * HOUR_MS],
);
const options: ReplayOptions = {
  fromMs: Date.UTC(2012, 11, 31),
  untilMs: day + 48 * HOUR_MS,
  stepMs: 6 * HOUR_MS,
  speed: null,
  ahead: true,
  limits: { warnMs: 60_000, failMs: 60_000 },
  outages: [],
};

/** A loop that deals with everything at once; keeps what was done in order. */
function fakeLoop(answers: (watermarkMs: number) => boolean = () => true) {
  const board = new ProgressBoard();
  const trace: string[] = [];
  const published: OutRecord[] = [];
  const report = (service: string, stage: string, watermarkMs: number): void => {
    const message = { service, stage, instance: 'a', watermarkMs, records: 0, reportedAtMs: 0 };
    board.accept(JSON.stringify(progress.Progress.toJSON(message)));
  };
  const marked = new Map<string, number>();
  const publisher: Publisher = {
    name: 'fake',
    queuedBytes: 0,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    publish(records) {
      published.push(...records);
      trace.push(`publish ${String(records.length)}`);
      return Promise.resolve();
    },
    publishPlaced: () => Promise.resolve([]),
    publishWatermark(topic, watermarkMs) {
      if (topic === topics.clock) {
        trace.push('clock');
        if (answers(watermarkMs)) setImmediate(() => report('gateway', 'routes', watermarkMs));
      } else {
        marked.set(topic, watermarkMs);
        if (marked.size === sourceTopics.length) {
          setImmediate(() => report('feature-store', 'online', watermarkMs));
          setImmediate(() => report('validator', 'windows', watermarkMs));
        }
      }
      return Promise.resolve();
    },
  };
  const gateway = {
    modelReady: () => Promise.resolve({ ready: true }),
    modelInfer(request: inference.ModelInferRequest) {
      trace.push(`ask ${request.id}`);
      return Promise.resolve(inference.ModelInferResponse.fromPartial({ id: request.id }));
    },
  };
  const partitions = Object.fromEntries(sourceTopics.map((topic) => [topic, 2]));
  const deps = {
    flights: tables.flights,
    timeline: createTimeline(tables),
    publisher,
    gateway,
    board,
    partitions,
    say: (text: string): void => void trace.push(text),
    onStep: (): void => void trace.push('step'),
    nowMs: () => 0,
    signal: new AbortController().signal,
  };
  return { deps, trace, published };
}

describe('Replay', () => {
  it('publishes every event once and asks about every flight once', async () => {
    const { deps, published, trace } = fakeLoop();
    const replay = new Replay(deps, options);
    await replay.run();
    const counts = replay.counts();
    expect(counts.complete).toBe(true);
    expect(counts.steps).toBe(12);
    expect(counts.predictions).toMatchObject({ wanted: 12, answered: 12, failed: 0 });
    expect(counts.produced).toEqual({
      'aircraft.registered': { records: 1, broken: 0, markers: 24 },
      'flights.scheduled': { records: 12, broken: 0, markers: 24 },
      'weather.observed': { records: 1, broken: 0, markers: 24 },
      'flights.departed': { records: 12, broken: 0, markers: 24 },
      'flights.arrived': { records: 12, broken: 0, markers: 24 },
    });
    expect(published).toHaveLength(38);
    expect(new Set(trace.filter((line) => line.startsWith('ask'))).size).toBe(12);
  });

  it('publishes the next step ahead, or waits when told so', async () => {
    const order = async (ahead: boolean): Promise<string[]> => {
      const { deps, trace } = fakeLoop();
      await new Replay(deps, { ...options, ahead, untilMs: options.fromMs + 12 * HOUR_MS }).run();
      return trace;
    };
    expect(await order(true)).toEqual(['publish 1', 'clock', 'publish 0', 'step', 'clock', 'step']);
    expect(await order(false)).toEqual(['publish 1', 'clock', 'step', 'publish 0', 'clock', 'step']);
  });

  it('ends with the name of the stage that is stuck', async () => {
    const { deps, trace } = fakeLoop((watermarkMs) => watermarkMs < day);
    const replay = new Replay(deps, { ...options, limits: { warnMs: 5, failMs: 40 } });
    await expect(replay.run()).rejects.toMatchObject({ code: 'EVL_REPLAY_STALLED' });
    expect(replay.counts()).toMatchObject({ complete: false, steps: 3 });
    expect(trace.find((line) => line.includes('stuck at'))).toContain(
      'stuck at validator/main, watermark never reported',
    );
    expect(trace.find((line) => line.includes('stuck at'))).toContain(
      'gateway/routes           2012-12-31T18:00 waiting',
    );
  });

  it('stops when told', async () => {
    const { deps } = fakeLoop(() => false);
    const controller = new AbortController();
    const running = new Replay({ ...deps, signal: controller.signal }, options).run();
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});
