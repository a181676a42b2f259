import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import type { FromWorker, ToWorker } from './messages.ts';
import { createSupervisor } from './supervisor.ts';
import { createWorkerLink } from './worker-link.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

class FakeWorker {
  readonly got: ToWorker[] = [];
  readonly worker: number;
  readonly pid: number;
  isTold = false;
  onMessageOf: (message: FromWorker) => void = () => undefined;
  exit: (how: string) => void = () => undefined;
  answer: (message: ToWorker) => void = () => undefined;

  constructor(worker: number, pid: number) {
    this.worker = worker;
    this.pid = pid;
  }
  send(message: ToWorker): void {
    this.got.push(message);
    this.answer(message);
  }
  kill(): void {
    this.isTold = true;
  }
  onMessage(listener: (message: FromWorker) => void): void {
    this.onMessageOf = listener;
  }
  onExit(listener: (how: string) => void): void {
    this.exit = listener;
  }
  say(message: FromWorker): void {
    this.onMessageOf(message);
  }
}

function setUp(more: { ageMaxMs?: number; rssBytesMax?: number } = {}) {
  const made: FakeWorker[] = [];
  const later: { readonly ms: number; readonly action: () => void }[] = [];
  const clock = { nowMs: 0 };
  const supervisor = createSupervisor({
    ...{ workers: 2, ageMaxMs: 0, rssBytesMax: 0, logger, nowMs: () => clock.nowMs },
    fork: (worker) => {
      const child = new FakeWorker(worker, made.length);
      made.push(child);
      return child;
    },
    after: (ms, action) => void later.push({ ms, action }),
    ...more,
  });
  const started = supervisor.start();
  const at = (index: number): FakeWorker => {
    const child = made[index];
    if (child === undefined) throw new Error(`there is no worker process ${index}`);
    return child;
  };
  /** Does what was put off so far; gives how long it was put off for, without the look at the workers. */
  const elapse = (): number[] => {
    const due = later.splice(0);
    for (const { action } of due) action();
    return due.map(({ ms }) => ms).filter((ms) => ms !== 5_000);
  };
  const ready = (...indexes: number[]): void => indexes.forEach((index) => at(index).say({ kind: 'ready' }));
  return { supervisor, started, made, at, ready, elapse, clock };
}

const reached = (watermarkMs: number): FromWorker => ({ kind: 'reached', stage: 'log', watermarkMs });
const write = (watermarkMs: number, records = 0): ToWorker => ({ kind: 'write', stage: 'log', watermarkMs, records });

describe('the supervisor of a pool', () => {
  it('has started when all workers are ready, and is ready with one', async () => {
    const { supervisor, started, made, ready } = setUp();
    expect(made.map(({ worker }) => worker)).toEqual([0, 1]);
    expect(supervisor.health?.()).toEqual({ ok: false, reason: 'no worker is ready' });
    ready(0);
    expect(supervisor.health?.()).toEqual({ ok: true });
    ready(1);
    await started;
  });

  it('replaces a worker that dies at once, later ones after longer pauses, each in its place', () => {
    const { at, ready, elapse, made, clock } = setUp();
    ready(0, 1);
    clock.nowMs = 60_000;
    at(1).exit('SIGKILL');
    expect(elapse()).toEqual([0]);
    expect(made.map(({ worker }) => worker)).toEqual([0, 1, 1]);
    at(2).exit('code 1');
    expect(elapse()).toEqual([0]);
    at(3).exit('code 1');
    expect(elapse()).toEqual([200]);
    at(4).exit('code 1');
    expect(elapse()).toEqual([400]);
  });

  it('lets one worker write what all have reached, once, and another when that one dies', () => {
    const { at, ready, elapse } = setUp();
    ready(0, 1);
    at(0).say({ kind: 'alive', rssBytes: 1, records: 3 });
    at(0).say(reached(10));
    expect(at(0).got).toEqual([]);
    at(1).say(reached(7));
    expect(at(0).got).toEqual([write(7, 3)]);
    at(1).say(reached(9));
    // The one before is not written yet.
    expect(at(0).got).toHaveLength(1);
    at(0).exit('SIGKILL');
    expect(at(1).got).toEqual([write(9, 3)]);
    at(1).say({ kind: 'wrote', stage: 'log', watermarkMs: 9 });
    elapse();
    // The new worker begins further back; nothing is written again.
    ready(2);
    at(2).say(reached(4));
    at(1).say(reached(20));
    expect([at(1).got, at(2).got]).toEqual([[write(9, 3)], [write(10, 3)]]);
  });

  it('replaces all one by one when asked, each only when the last is ready again', () => {
    const { at, ready, supervisor, made } = setUp();
    ready(0, 1);
    supervisor.recycle();
    expect(made.map(({ isTold }) => isTold)).toEqual([true, false]);
    at(0).exit('code 0');
    expect(made.map(({ isTold }) => isTold)).toEqual([true, false, false]);
    ready(2);
    expect(made.map(({ isTold }) => isTold)).toEqual([true, true, false]);
    at(1).exit('code 0');
    ready(3);
    expect(made.map(({ worker }) => worker)).toEqual([0, 1, 0, 1]);
    expect(made.slice(2).some(({ isTold }) => isTold)).toBe(false);
  });

  it('replaces who is old or large', () => {
    const { at, ready, elapse, made, clock } = setUp({ ageMaxMs: 100_000, rssBytesMax: 50 });
    ready(0, 1);
    at(1).say({ kind: 'alive', rssBytes: 60, records: 0 });
    elapse();
    expect(made.map(({ isTold }) => isTold)).toEqual([false, true]);
    at(1).exit('code 0');
    ready(2);
    clock.nowMs = 100_000;
    elapse();
    expect(made.map(({ isTold }) => isTold)).toEqual([true, true, false]);
  });

  it('stops all and waits for them, and starts none meanwhile', async () => {
    const { at, ready, supervisor, made, elapse } = setUp();
    ready(0, 1);
    at(1).exit('SIGKILL');
    const stopped = supervisor.stop();
    expect(at(0).isTold).toBe(true);
    elapse();
    at(0).exit('code 0');
    await stopped;
    expect(made).toHaveLength(2);
  });

  it('answers for the metrics of all, also when one dies meanwhile', async () => {
    const { at, ready } = setUp();
    ready(0, 1);
    createMetrics('gateway').counter('everloop_gateway_pool_probe_total', 'For this test').inc(2);
    const link = createWorkerLink({
      channel: {
        send: (message) => at(0).say(message),
        onMessage: (listener) => void Object.assign(at(0), { answer: listener }),
      },
      ...{ logger, write: () => Promise.resolve(), records: () => 0 },
    });
    const asked = link.metrics();
    at(1).exit('SIGKILL');
    expect((await asked).text).toContain('everloop_gateway_pool_probe_total{service="gateway"} 2');
  });
});

describe("a worker's link", () => {
  it('writes a watermark until it is written, and says so', async () => {
    const said: FromWorker[] = [];
    const tries: string[] = [];
    const wrote = Promise.withResolvers<null>();
    let give: (message: ToWorker) => void = () => undefined;
    const link = createWorkerLink({
      ...{ logger, records: () => 5 },
      channel: {
        send: (message) => {
          said.push(message);
          if (message.kind === 'wrote') wrote.resolve(null);
        },
        onMessage: (listener) => void (give = listener),
      },
      write: (stage, watermarkMs, records) => {
        tries.push(`${stage} ${watermarkMs} ${records}`);
        return tries.length < 2 ? Promise.reject(new Error('broker away')) : Promise.resolve();
      },
    });
    await link.part.start();
    expect(said.map(({ kind }) => kind)).toEqual(['alive', 'ready']);
    link.reached('routes', 4);
    give(write(3, 8));
    await wrote.promise;
    expect(tries).toEqual(['log 3 8', 'log 3 8']);
    expect(said.slice(2)).toEqual([
      { kind: 'reached', stage: 'routes', watermarkMs: 4 },
      { kind: 'wrote', stage: 'log', watermarkMs: 3 },
    ]);
    await link.part.stop();
  });
});
